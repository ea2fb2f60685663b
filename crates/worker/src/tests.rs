//! The server's side against real worker processes: this test program again, with a pool that
//! does as it is told.

mod answers;
mod child;
mod confinement;
mod ends;
mod house;
mod runs;
