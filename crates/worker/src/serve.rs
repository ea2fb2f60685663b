//! The worker's side: serves one connection in front of a pool, until the server asks for the
//! end or the connection closes. It starts no process and opens nothing.

mod connection;
mod run;
mod service;

use std::sync::Arc;

use forebay_core::id::DataPoolId;
use forebay_core::plane::PoolPlane;
use futures::stream::{self, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::transport::Server;

use crate::child::Tether;
use crate::protocol::worker_server::WorkerServer;
use crate::protocol::{CALL_WINDOW, CONNECTION_WINDOW, LONGEST_MESSAGE};
use crate::serve::connection::Connection;
use crate::serve::service::Service;

/// More calls than a server makes at a time: one that waited for its turn could be a sign of life.
const MOST_CALLS: u32 = 100_000;

/// What a worker says of itself when it is asked first.
#[derive(Clone, Debug)]
pub struct About {
    pub pool: DataPoolId,
    /// The version of Forebay.
    pub version: String,
    /// What confines the worker, for people.
    pub confinement: String,
}

/// Why a worker serves no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The server asked for the end: close what is open.
    Asked,
    /// The server is gone.
    Disconnected,
}

/// Serves the server at the other end of a connection. The tether is loosened when the server asks for
/// the end.
///
/// # Errors
/// When the connection cannot be used at all; one that breaks is `Disconnected`.
pub async fn serve<C>(
    connection: C,
    plane: Arc<dyn PoolPlane>,
    about: About,
    tether: Tether,
) -> Result<Ended, tonic::transport::Error>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (connection, closed) = Connection::new(connection);
    let (end, mut asked) = watch::channel(false);
    let service = WorkerServer::new(Service::new(plane, about, end, tether))
        .max_decoding_message_size(LONGEST_MESSAGE)
        .max_encoding_message_size(LONGEST_MESSAGE);
    // One connection, and no other for as long as it lives.
    let incoming = stream::iter([Ok::<_, std::io::Error>(connection)]).chain(stream::pending());
    let mut wanted = asked.clone();
    // An error says that the service is gone, and with it everything that could be served.
    let until = async move { drop(wanted.wait_for(|asked| *asked).await) };
    let serving = Server::builder()
        .max_concurrent_streams(Some(MOST_CALLS))
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, until);
    tokio::select! {
        // Resolves once the reply to the request for the end is sent.
        served = serving => served?,
        _ = closed => {}
    }
    Ok(if *asked.borrow_and_update() { Ended::Asked } else { Ended::Disconnected })
}
