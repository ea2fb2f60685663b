//! A gRPC channel over one connection that is there already. It is never made anew.

use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Error};

use crate::protocol::worker_client::WorkerClient;
use crate::protocol::{CALL_WINDOW, CONNECTION_WINDOW, LONGEST_MESSAGE};

/// Gives its connection to the first who asks.
struct Once<C>(Option<C>);

impl<C> Service<Uri> for Once<C> {
    type Response = TokioIo<C>;
    type Error = io::Error;
    type Future = Ready<Result<TokioIo<C>, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let closed = || io::Error::new(io::ErrorKind::NotConnected, "the worker's connection is closed");
        ready(self.0.take().map(TokioIo::new).ok_or_else(closed))
    }
}

/// Speaks to the worker at the other end of a connection.
///
/// # Errors
/// When the other end closes it at once.
pub(crate) async fn client<C>(connection: C) -> Result<WorkerClient<Channel>, Error>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The name is never looked up: gRPC wants one.
    let channel = Endpoint::from_static("http://worker")
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector(Once(Some(connection)))
        .await?;
    Ok(WorkerClient::new(channel)
        .max_decoding_message_size(LONGEST_MESSAGE)
        .max_encoding_message_size(LONGEST_MESSAGE))
}
