//! OAuth 2.0 over HTTP. The endpoints that clients and browsers use have the shapes of the RFCs and stand outside the
//! two families of calls; what administrators set up is a part of our own API.

pub(crate) mod authorize;
pub(crate) mod clients;
pub(crate) mod consents;
pub(crate) mod device;
pub(crate) mod discovery;
mod form;
pub(crate) mod keys;
mod page;
mod problem;
pub(crate) mod token;
mod visit;

pub(crate) use self::visit::Visitor;
pub use self::visit::{Site, visit_of};

/// What the document files the endpoints under.
const TAG: &str = "OAuth";
