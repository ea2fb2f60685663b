//! Takes the rows of COPY out of a connection's bytes before the driver sees them.
//!
//! The driver makes one object of each message and hands it over by itself: with millions of rows that costs
//! more than to decode them. Here the rows go past it, many messages in one piece of memory; what else the
//! server says reaches the driver as it came. Messages: PostgreSQL's documentation, "Message Formats".

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures::channel::mpsc;
use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// How much memory is made for reading at a time, and with how much of it left the next read is made.
const READ: usize = 256 << 10;
const LEAST: usize = 32 << 10;
/// How many pieces of this size wait for who takes them, besides the one that is being read.
const WAITING: usize = 1;

/// A message begins with its kind and its length, which counts itself.
const HEAD: usize = 5;
const COPY_DATA: u8 = b'd';

/// Whole CopyData messages, one after the other.
pub(super) struct Rows(Bytes);

impl Rows {
    /// The memory, and where in it the contents of each message lie.
    pub(super) fn messages(&self) -> (&[u8], impl Iterator<Item = std::ops::Range<usize>> + use<'_>) {
        let mut at = 0;
        let messages = std::iter::from_fn(move || {
            let (_, end) = message(self.0.get(at..)?)?;
            let range = at + HEAD..at + end;
            at += end;
            Some(range)
        });
        (&self.0, messages)
    }
}

#[cfg(test)]
impl Rows {
    /// Messages with these contents.
    pub(super) fn of(contents: &[&[u8]]) -> Self {
        let mut bytes = Vec::new();
        for content in contents {
            let length = u32::try_from(content.len() + 4).unwrap_or(u32::MAX);
            bytes.push(COPY_DATA);
            bytes.extend(length.to_be_bytes());
            bytes.extend_from_slice(content);
        }
        Self(bytes.into())
    }
}

/// The rows of a connection, in the order in which they came.
pub(super) type Taken = mpsc::Receiver<Rows>;

/// A connection's stream without the rows.
pub(super) struct Tap<S> {
    stream: S,
    /// What was read and is not handed on yet.
    buffer: BytesMut,
    /// How many bytes are left of a message for the driver.
    plain: usize,
    rows: mpsc::Sender<Rows>,
}

/// Where rows go, and where they come out.
pub(super) fn channel() -> (mpsc::Sender<Rows>, Taken) {
    mpsc::channel(WAITING)
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S, rows: mpsc::Sender<Rows>) -> Self {
        Self { stream, buffer: BytesMut::new(), plain: 0, rows }
    }
}

/// The kind of the message at the front, and its length with its head. `None` until the head is there.
fn message(bytes: &[u8]) -> Option<(u8, usize)> {
    let (kind, rest) = bytes.split_first()?;
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    // What is no length is for the driver to refuse.
    let length = usize::try_from(length).ok().filter(|length| *length >= 4);
    Some(length.map_or((0, usize::MAX), |length| (*kind, length + 1)))
}

/// How many bytes at the front are whole CopyData messages.
fn rows(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some((COPY_DATA, length)) = message(&bytes[at..])
        && bytes.len() - at >= length
    {
        at += length;
    }
    at
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        driver: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tap = &mut *self;
        loop {
            if tap.plain == 0 {
                let rows = rows(&tap.buffer);
                if rows > 0 {
                    let taken = std::task::ready!(tap.rows.poll_ready(context));
                    let rows = Rows(tap.buffer.split_to(rows).freeze());
                    // Nobody may want them any more; then the statement is being ended.
                    drop(taken.and_then(|()| tap.rows.start_send(rows)));
                }
                if let Some((kind, length)) = message(&tap.buffer)
                    && kind != COPY_DATA
                {
                    tap.plain = length;
                }
            }
            let given = tap.plain.min(tap.buffer.len()).min(driver.remaining());
            if given > 0 {
                driver.put_slice(&tap.buffer[..given]);
                tap.buffer.advance(given);
                tap.plain -= given;
                return Poll::Ready(Ok(()));
            }
            if tap.buffer.capacity() - tap.buffer.len() < LEAST {
                tap.buffer.reserve(READ);
            }
            let read = std::task::ready!(pin!(tap.stream.read_buf(&mut tap.buffer)).poll(context))?;
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// TLS whose stream has a tap.
pub(super) struct Tapped<C> {
    pub(super) connect: C,
    pub(super) rows: mpsc::Sender<Rows>,
}

impl<S, C> TlsConnect<S> for Tapped<C>
where
    C: TlsConnect<S, Future: Send + 'static, Stream: 'static, Error: 'static>,
{
    type Stream = Tap<C::Stream>;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<Self::Stream, Self::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        self.connect.connect(stream).map_ok(move |stream| Tap::new(stream, self.rows)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn said(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), content].concat()
    }

    /// What the driver gets and what is taken of these bytes, sent in pieces of a size.
    async fn tapped(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (sender, mut taken) = channel();
        let mut tap = Tap::new(ours, sender);
        let (mut driver, mut rows) = (Vec::new(), Vec::new());
        let send = async {
            for piece in bytes.chunks(size) {
                theirs.write_all(piece).await.unwrap();
            }
            drop(theirs);
        };
        let collect = async {
            while let Some(piece) = taken.next().await {
                let (memory, messages) = piece.messages();
                rows.extend(messages.map(|range| memory[range].to_vec()));
            }
        };
        let read = async {
            tap.read_to_end(&mut driver).await.unwrap();
            drop(tap);
        };
        tokio::join!(send, collect, read);
        (driver, rows)
    }

    #[tokio::test]
    async fn rows_are_taken_and_all_else_reaches_the_driver_however_it_is_cut() {
        let long = vec![7; 300];
        let parts = [
            said(b'T', b"before"),
            said(b'd', b"one"),
            said(b'd', b""),
            said(b'N', &long),
            said(b'd', &long),
            said(b'C', b"COPY 3"),
            said(b'Z', b"I"),
        ];
        let bytes = parts.concat();
        for size in [1, 2, 5, 7, 64, 1000] {
            let (driver, rows) = tapped(&bytes, size).await;
            assert_eq!(driver, [&parts[0][..], &parts[3], &parts[5], &parts[6]].concat(), "{size}");
            assert_eq!(rows, [b"one".to_vec(), Vec::new(), long.clone()], "{size}");
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_left_to_the_driver() {
        let bytes = [b'd', 0, 0, 0, 3, 1, 2, 3];
        let (driver, rows) = tapped(&bytes, 3).await;
        assert_eq!((driver.as_slice(), rows.len()), (&bytes[..], 0));
    }

    #[tokio::test]
    async fn rows_that_nobody_wants_hold_nobody_up() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (sender, taken) = channel();
        drop(taken);
        let mut tap = Tap::new(ours, sender);
        for _ in 0..1000 {
            theirs.write_all(&said(b'd', &[0; 500])).await.unwrap();
        }
        theirs.write_all(&said(b'Z', b"I")).await.unwrap();
        drop(theirs);
        let mut driver = Vec::new();
        tap.read_to_end(&mut driver).await.unwrap();
        assert_eq!(driver, said(b'Z', b"I"));
    }
}
