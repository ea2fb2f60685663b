//! Packets of the MySQL protocol on a socket, with or without TLS.
//!
//! A packet is read in place: rows are decoded from the buffer that the socket was read into. Memory grows with
//! what has arrived, never with a length that the other end claims.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::fault::Failure;

/// What is asked of the socket at a time.
const CHUNK: usize = 256 << 10;

/// A payload of this length goes on in the next packet.
const LONGEST: usize = 0xff_ffff;

/// The longest row that is read: a batch of such rows must fit into memory beside others.
pub(super) const LIMIT: usize = 256 << 20;

pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The framing of one connection.
pub(super) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    /// Where in the buffer the next packet begins.
    at: usize,
    /// The number that the next packet must have.
    sequence: u8,
    /// A payload of several packets.
    joined: Vec<u8>,
    /// The joined payload was given out.
    given: bool,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: Vec::new(), at: 0, sequence: 0, joined: Vec::new(), given: false }
    }

    /// The bare socket, to begin TLS on it. Bytes that came before would be outside of TLS, and are refused.
    pub(super) fn into_socket(self) -> Result<(TcpStream, u8), Failure> {
        if self.at < self.buffer.len() {
            return Err(Failure::Broken("it sends more before the encryption begins".to_owned()));
        }
        match self.stream {
            Stream::Plain(socket) => Ok((socket, self.sequence)),
            Stream::Tls(_) => Err(Failure::Broken("the connection is encrypted already".to_owned())),
        }
    }

    /// Goes on over TLS where the bare socket stopped.
    pub(super) fn encrypted(stream: TlsStream<TcpStream>, sequence: u8) -> Self {
        Self { sequence, ..Self::new(Stream::Tls(Box::new(stream))) }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The next payload, if it has arrived whole.
    pub(super) fn ready(&mut self) -> Result<Option<&[u8]>, Failure> {
        if self.given {
            self.given = false;
            self.joined = Vec::new();
        }
        loop {
            let Some(header) = self.buffer.get(self.at..).and_then(|rest| rest.first_chunk::<4>()) else {
                return Ok(None);
            };
            let length = length(*header, self.sequence)?;
            let begin = self.at + 4;
            let end = begin + length;
            if self.buffer.len() < end {
                return Ok(None);
            }
            self.at = end;
            self.sequence = self.sequence.wrapping_add(1);
            if length < LONGEST && self.joined.is_empty() {
                return Ok(Some(&self.buffer[begin..end]));
            }
            if self.joined.len() + length > LIMIT {
                return Err(Failure::TooLong);
            }
            self.joined.extend_from_slice(&self.buffer[begin..end]);
            if length < LONGEST {
                self.given = true;
                return Ok(Some(&self.joined));
            }
        }
    }

    /// Waits for more bytes.
    pub(super) async fn fill(&mut self) -> Result<(), Failure> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            // What a single huge row needed is not kept for the small ones after it.
            if self.buffer.capacity() > 4 * CHUNK {
                self.buffer = Vec::new();
            }
        } else if self.at > 0 {
            self.buffer.drain(..self.at);
        }
        self.at = 0;
        self.buffer.reserve(CHUNK);
        let count = match &mut self.stream {
            Stream::Plain(socket) => socket.read_buf(&mut self.buffer).await?,
            Stream::Tls(socket) => socket.read_buf(&mut self.buffer).await?,
        };
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(())
    }

    /// The next payload.
    pub(super) async fn packet(&mut self) -> Result<&[u8], Failure> {
        // Looked at twice, because a payload that was borrowed cannot be returned from within a loop.
        while !self.has_packet()? {
            self.fill().await?;
        }
        match self.ready()? {
            Some(packet) => Ok(packet),
            None => Err(Failure::Broken("a packet is cut".to_owned())),
        }
    }

    /// Whether [`Wire::ready`] will give a payload.
    fn has_packet(&mut self) -> Result<bool, Failure> {
        let mut at = self.at;
        let mut sequence = self.sequence;
        let mut joined = if self.given { 0 } else { self.joined.len() };
        loop {
            let Some(header) = self.buffer.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
                return Ok(false);
            };
            let length = length(*header, sequence)?;
            sequence = sequence.wrapping_add(1);
            at += 4 + length;
            if self.buffer.len() < at {
                return Ok(false);
            }
            if length < LONGEST {
                return Ok(true);
            }
            joined += length;
            if joined > LIMIT {
                return Err(Failure::TooLong);
            }
        }
    }

    /// Sends a command, whose answer begins anew with its numbers.
    pub(super) async fn command(&mut self, kind: u8, body: &[u8]) -> Result<(), Failure> {
        self.sequence = 0;
        let mut payload = Vec::with_capacity(body.len() + 1);
        payload.push(kind);
        payload.extend_from_slice(body);
        self.send(&payload).await
    }

    /// Sends the next packet of an exchange.
    pub(super) async fn send(&mut self, payload: &[u8]) -> Result<(), Failure> {
        if payload.len() >= LONGEST {
            return Err(Failure::Broken("the statement is longer than 16 MB".to_owned()));
        }
        let mut packet = Vec::with_capacity(payload.len() + 4);
        packet.extend_from_slice(&payload.len().to_le_bytes()[..3]);
        packet.push(self.sequence);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(&packet).await?,
            Stream::Tls(socket) => {
                socket.write_all(&packet).await?;
                socket.flush().await?;
            }
        }
        Ok(())
    }

    /// Ends the connection in good order.
    pub(super) async fn quit(mut self) {
        const COM_QUIT: u8 = 1;
        drop(self.command(COM_QUIT, &[]).await);
        drop(match &mut self.stream {
            Stream::Plain(socket) => socket.shutdown().await,
            Stream::Tls(socket) => socket.shutdown().await,
        });
    }
}

/// The length that a header says, whose packet must have this number.
#[inline]
fn length(header: [u8; 4], sequence: u8) -> Result<usize, Failure> {
    let [low, middle, high, number] = header;
    if number != sequence {
        return Err(Failure::Broken("a packet is out of order".to_owned()));
    }
    Ok(usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16)
}
