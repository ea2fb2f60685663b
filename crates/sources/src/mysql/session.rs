//! One connection that is logged in: statements in text for the catalogue, prepared ones for rows.

use forebay_core::source::SourceError;
use tokio::runtime::Handle;

use super::fault::{self, Failure, asks_for_file, cut};
use super::link::Link;
use super::login::LoggedIn;
use super::payload::Payload;
use super::wire::Wire;

const COM_QUERY: u8 = 0x03;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;
const COM_STMT_CLOSE: u8 = 0x19;

/// No server has more columns in a result.
const MOST_COLUMNS: u64 = 4096;
/// Answers in text are of the catalogue: this many bytes are beyond any.
const MOST_TEXT: usize = 256 << 20;

/// A connection. Dropped while a statement runs, it asks the server to end the statement and closes the socket.
pub(super) struct Session {
    /// `None` once it was dropped.
    wire: Option<Wire>,
    link: Link,
    thread: u32,
    runtime: Handle,
    /// A statement's answer is not read to its end.
    busy: bool,
}

/// What a statement in text gave.
pub(super) struct Answer {
    columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl Answer {
    /// A value by its column's name, which is compared without case.
    pub(super) fn value(&self, row: usize, column: &str) -> Option<&str> {
        let place = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.rows.get(row)?.get(place)?.as_deref()
    }

    /// The first value of the first row.
    pub(super) fn first(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }
}

/// A column of a result, as the protocol describes it.
#[derive(Clone, Debug)]
pub(super) struct ResultColumn {
    pub(super) name: String,
    pub(super) wire_type: u8,
    pub(super) unsigned: bool,
}

/// A prepared statement without parameters.
pub(super) struct Prepared {
    id: u32,
    pub(super) columns: Vec<ResultColumn>,
}

/// A packet of a binary result.
pub(super) enum Packet<'a> {
    Row(&'a [u8]),
    End,
}

impl Session {
    pub(super) fn new(link: Link, logged_in: LoggedIn) -> Self {
        let LoggedIn { wire, thread } = logged_in;
        Self { wire: Some(wire), link, thread, runtime: Handle::current(), busy: false }
    }

    /// Whether a statement runs, or its answer is not read to its end.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    fn wire(&mut self) -> Result<&mut Wire, Failure> {
        self.wire.as_mut().ok_or_else(|| Failure::Broken("the connection is closed".to_owned()))
    }

    /// Runs a statement whose answer does not matter.
    pub(super) async fn run(&mut self, doing: &str, sql: &str) -> Result<(), SourceError> {
        self.query(doing, sql).await.map(drop)
    }

    /// Runs a statement and takes its whole answer; `doing` completes "MySQL failed while …".
    pub(super) async fn query(&mut self, doing: &str, sql: &str) -> Result<Answer, SourceError> {
        self.try_query(sql).await.map_err(|failure| fault::query(doing, failure))
    }

    /// The same; the failure as it is.
    pub(super) async fn try_query(&mut self, sql: &str) -> Result<Answer, Failure> {
        self.busy = true;
        self.wire()?.command(COM_QUERY, sql.as_bytes()).await?;
        let mut answer = Answer { columns: Vec::new(), rows: Vec::new() };
        let Some(count) = self.columns().await? else { return Ok(answer) };
        for _ in 0..count {
            answer.columns.push(column(self.wire()?.packet().await?)?.name);
        }
        let mut bytes = 0;
        loop {
            let packet = self.wire()?.packet().await?;
            if ends(packet) {
                self.busy = false;
                return Ok(answer);
            }
            if let [0xff, error @ ..] = packet {
                let failure = Failure::server(error);
                self.busy = false;
                return Err(failure);
            }
            bytes += packet.len();
            if bytes > MOST_TEXT {
                return Err(Failure::TooLong);
            }
            let mut payload = Payload::new(packet);
            let mut row = Vec::with_capacity(count);
            for _ in 0..count {
                let value = payload.value().ok_or_else(|| cut("a row"))?;
                row.push(value.map(|value| String::from_utf8_lossy(value).into_owned()));
            }
            answer.rows.push(row);
        }
    }

    /// How many columns the answer to a statement has; `None` when it is no result.
    async fn columns(&mut self) -> Result<Option<usize>, Failure> {
        let packet = self.wire()?.packet().await?;
        match packet {
            [0, ..] => {
                self.busy = false;
                Ok(None)
            }
            [0xff, error @ ..] => {
                let failure = Failure::server(error);
                self.busy = false;
                Err(failure)
            }
            [0xfb, ..] => Err(asks_for_file()),
            _ => {
                let count = Payload::new(packet).number().filter(|count| (1..=MOST_COLUMNS).contains(count));
                let count = count.ok_or_else(|| cut("a result's head"))?;
                Ok(Some(usize::try_from(count).unwrap_or(0)))
            }
        }
    }

    /// Lets the server look at a statement.
    pub(super) async fn prepare(&mut self, sql: &str) -> Result<Prepared, Failure> {
        self.busy = true;
        self.wire()?.command(COM_STMT_PREPARE, sql.as_bytes()).await?;
        let packet = self.wire()?.packet().await?;
        if let [0xff, error @ ..] = packet {
            let failure = Failure::server(error);
            self.busy = false;
            return Err(failure);
        }
        let mut payload = Payload::new(packet);
        let head = payload
            .u8()
            .filter(|first| *first == 0)
            .and_then(|_| Some((payload.u32()?, u64::from(payload.u16()?), payload.u16()?)));
        let (id, count, parameters) = head.ok_or_else(|| cut("the answer to a statement"))?;
        if count > MOST_COLUMNS || parameters != 0 {
            return Err(Failure::Broken("the answer to a statement does not fit it".to_owned()));
        }
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(column(self.wire()?.packet().await?)?);
        }
        self.busy = false;
        Ok(Prepared { id, columns })
    }

    /// Forgets a prepared statement; the server does not answer.
    pub(super) async fn close(&mut self, prepared: &Prepared) -> Result<(), Failure> {
        self.wire()?.command(COM_STMT_CLOSE, &prepared.id.to_le_bytes()).await
    }

    /// Starts a prepared statement. Its rows follow with [`Session::ready`] and [`Session::fill`].
    pub(super) async fn execute(&mut self, prepared: &Prepared) -> Result<(), Failure> {
        self.busy = true;
        let mut body = prepared.id.to_le_bytes().to_vec();
        // No server-side cursor, and the one round that the protocol asks for.
        body.extend_from_slice(&[0, 1, 0, 0, 0]);
        self.wire()?.command(COM_STMT_EXECUTE, &body).await?;
        let Some(count) = self.columns().await? else {
            return Err(Failure::Broken("a statement that reads gave no result".to_owned()));
        };
        if count != prepared.columns.len() {
            return Err(Failure::Broken("a result has other columns than were announced".to_owned()));
        }
        for _ in 0..count {
            self.wire()?.packet().await?;
        }
        Ok(())
    }

    /// The next packet of the running statement, if it has arrived.
    #[inline]
    pub(super) fn ready(&mut self) -> Result<Option<Packet<'_>>, Failure> {
        let busy = &mut self.busy;
        let Some(wire) = &mut self.wire else {
            return Err(Failure::Broken("the connection is closed".to_owned()));
        };
        let Some(packet) = wire.ready()? else { return Ok(None) };
        match packet {
            [0, ..] => Ok(Some(Packet::Row(packet))),
            [0xff, error @ ..] => {
                *busy = false;
                Err(Failure::server(error))
            }
            _ if ends(packet) => {
                *busy = false;
                Ok(Some(Packet::End))
            }
            _ => Err(Failure::Broken("a row does not begin as it should".to_owned())),
        }
    }

    /// Waits for more of the running statement.
    pub(super) async fn fill(&mut self) -> Result<(), Failure> {
        self.wire()?.fill().await
    }

    /// Ends the running statement at the server and reads away what it still sends, so that the session, and what
    /// it sees, can be used further.
    pub(super) async fn settle(&mut self) -> Result<(), SourceError> {
        const INTERRUPTED: u16 = 1317;
        if !self.busy {
            return Ok(());
        }
        self.link.end_statement(self.thread).await?;
        let doing = "ending a statement";
        while self.busy {
            match self.ready() {
                Ok(Some(_)) => {}
                Ok(None) => self.fill().await.map_err(|failure| fault::query(doing, failure))?,
                Err(failure) if failure.code().is_some() => {}
                Err(failure) => return Err(fault::query(doing, failure)),
            }
        }
        // It may have ended by itself: then the next statement is the one that is interrupted.
        match self.try_query("DO 0").await {
            Ok(_) => Ok(()),
            Err(failure) if failure.code() == Some(INTERRUPTED) => self.run(doing, "DO 0").await,
            Err(failure) => Err(fault::query(doing, failure)),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(wire) = self.wire.take() else { return };
        let (link, thread, busy) = (self.link.clone(), self.thread, self.busy);
        self.runtime.spawn(async move {
            if !busy {
                return wire.quit().await;
            }
            // Numbers of threads are not given twice: the statement is known without its connection.
            drop(wire);
            if let Err(error) = link.end_statement(thread).await {
                tracing::debug!(%error, "a statement could not be ended");
            }
        });
    }
}

/// Whether a packet ends a result. Rows of text can begin with the same byte, but are as long as its length says.
fn ends(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 0xff_ffff && packet.len() >= 5
}

/// The description of a column.
fn column(packet: &[u8]) -> Result<ResultColumn, Failure> {
    if let [0xff, error @ ..] = packet {
        return Err(Failure::server(error));
    }
    parsed(packet).ok_or_else(|| cut("a column's description"))
}

fn parsed(packet: &[u8]) -> Option<ResultColumn> {
    const UNSIGNED: u16 = 0x20;
    let mut payload = Payload::new(packet);
    for _ in 0..4 {
        payload.bytes()?; // catalogue, schema, table and its own name
    }
    let name = String::from_utf8_lossy(payload.bytes()?).into_owned();
    payload.bytes()?; // the column's own name
    payload.number()?;
    let (_charset, _length) = (payload.u16()?, payload.u32()?);
    let wire_type = payload.u8()?;
    let flags = payload.u16()?;
    Some(ResultColumn { name, wire_type, unsigned: flags & UNSIGNED != 0 })
}
