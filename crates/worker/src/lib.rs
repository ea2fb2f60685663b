//! Worker processes: what may crash, hang, eat memory or carry a user's SQL lives in one of these, and
//! not in the server. A worker holds one pool.
//!
//! Reading order: `proto/worker.proto` is what the two sides say to each other and `protocol` turns
//! the domain's words into it; [`serve`] is the worker's side, in front of any
//! [`PoolPlane`](forebay_core::plane::PoolPlane); [`child`] and [`confine`] are the worker as a process
//! of this machine; [`workers`] is the server's side: a
//! [`DataPlane`](forebay_core::plane::DataPlane) that starts workers, asks them and
//! watches them to their end.
//!
//! It opens no warehouse and no source, and knows nothing of executions but their spec: what a worker
//! works with is handed to it, and what the end of a worker means for an execution is decided by
//! whoever asked.

pub mod child;
pub mod confine;
mod protocol;
pub mod serve;
#[cfg(test)]
mod tests;
pub mod workers;

pub use workers::{Launch, Patience, WorkerPlane};
