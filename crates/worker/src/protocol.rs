//! What server and worker say to each other: the generated messages, and the domain's words in them.
//! It reads and writes no socket.

pub(crate) mod export;
pub(crate) mod failure;
#[allow(
    clippy::all,
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "written by scripts/generate-protocol"
)]
pub(crate) mod generated;
pub(crate) mod preview;
pub(crate) mod rows;
pub(crate) mod tables;

pub(crate) use generated::*;

/// Grows when an older partner would misunderstand what is said.
pub(crate) const PROTOCOL: u32 = 2;
/// The most bytes of one message. Specs and lists of tables come in one; rows come in small ones.
pub(crate) const LONGEST_MESSAGE: usize = 256 * 1024 * 1024;
/// The most bytes of one call that wait unread at the other end.
pub(crate) const CALL_WINDOW: u32 = 1024 * 1024;
/// The same over all calls. Far more than that of one call, so that a call nobody reads from cannot
/// hold up the signs of life.
pub(crate) const CONNECTION_WINDOW: u32 = 256 * 1024 * 1024;
