//! A TCP proxy between a server and its source: it can be slow, break off, or answer nothing at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Forward,
    /// From the source: pieces of this many bytes, one every 100 milliseconds.
    Slowly(usize),
    /// Takes connections and forwards nothing, without closing anything.
    Silent,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<Mutex<SocketAddr>>,
    manner: watch::Sender<Manner>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let target = Arc::new(Mutex::new(SocketAddr::from(([127, 0, 0, 1], port))));
        let (manner, seen) = watch::channel(Manner::Forward);
        let to = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let address = *to.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(connection(client, address, seen.clone()));
            }
        });
        Self { port: own, target, manner, accepting }
    }

    /// New connections go there.
    pub(crate) fn lead_to(&self, port: u16) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) =
            SocketAddr::from(([127, 0, 0, 1], port));
    }

    pub(crate) fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn connection(client: TcpStream, address: SocketAddr, manner: watch::Receiver<Manner>) {
    let mut gate = manner.clone();
    // A silent proxy is there, and says nothing.
    if gate.wait_for(|manner| *manner != Manner::Silent).await.is_err() {
        return;
    }
    let Ok(source) = TcpStream::connect(address).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_source, to_source) = source.into_split();
    let ends = [
        tokio::spawn(copy(from_client, to_source, manner.clone(), false)),
        tokio::spawn(copy(from_source, to_client, manner, true)),
    ];
    for end in ends {
        drop(end.await);
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut manner: watch::Receiver<Manner>,
    of_source: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let most = match *manner.borrow() {
            Manner::Slowly(bytes) if of_source => bytes.min(buffer.len()),
            _ => buffer.len(),
        };
        let Ok(read @ 1..) = from.read(&mut buffer[..most]).await else { break };
        if manner.wait_for(|manner| *manner != Manner::Silent).await.is_err() {
            break;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
        if most < buffer.len() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    drop(to.shutdown().await);
}
