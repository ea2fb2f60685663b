//! The words of Forebay's domain, and the seams between its crates. Nothing here does I/O.
//!
//! Reading order: [`id`] and [`name`] are the smallest words; [`pool`], [`connection`], [`job`],
//! [`extraction`], [`parameter`] and [`model`] say what a user sets up, and [`contents`] holds all of it for a copy; [`execution`] says how a
//! run of it is told, [`history`] what is asked of many runs; [`push`] is what clients send by themselves; [`spec`] is the frozen form of a job that is handed to what runs it;
//! [`source`] and [`warehouse`] are what a run reads from and writes to; [`check`], [`preview`] and [`explanation`] say
//! what a source shows before it is read; [`event`] is the news it
//! sends back; [`queue`] says which execution is next; [`plane`] is what runs it all; [`access`]
//! says who may do what, and [`oauth`] what of it counts with an access token;
//! [`schedule`] says when jobs run by themselves;
//! [`settings`] is what an administrator sets while the server runs, and [`audit`] what is told of who did what.

pub mod access;
pub mod audit;
pub mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod connection;
pub mod contents;
pub mod error;
pub mod event;
pub mod execution;
pub mod explanation;
pub mod export;
pub mod extraction;
pub mod fault;
pub mod history;
pub mod id;
pub mod job;
pub mod model;
pub mod name;
pub mod oauth;
pub mod parameter;
pub mod plane;
pub mod pool;
pub mod preview;
pub mod push;
pub mod queue;
pub mod retry;
pub mod schedule;
pub mod secret;
pub mod settings;
pub mod source;
pub mod spec;
pub mod stop;
pub mod text;
pub mod time;
pub mod warehouse;

pub use error::{Error, Result};
pub use time::Timestamp;
