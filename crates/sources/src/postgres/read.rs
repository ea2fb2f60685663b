//! Reads the rows of a table: its parts one after the other, on as many connections as may read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use forebay_core::source::{SourceError, SourceErrorKind};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::copy::{Decoder, Unwanted};
use super::fault;
use super::link::Link;
use super::pulse::Pulse;
use super::query;
use super::session::{Ending, Session};
use super::shared::Shared;
use crate::stream::{self, Batch};

/// What sees an exported snapshot.
#[derive(Clone)]
pub(super) struct View {
    pub(super) link: Link,
    pub(super) exported: Arc<str>,
    /// Ends when the snapshot goes away.
    pub(super) open: watch::Receiver<()>,
}

impl View {
    /// Waits until a connection more may read, and lets it see the snapshot.
    pub(super) async fn reader(&self) -> Result<Session, SourceError> {
        let permit = self.link.permit().await;
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
            query::literal(&self.exported)
        );
        let (mut session, ()) = self.link.begin(|session| Box::pin(join(session, begin.clone()))).await?;
        session.permit = permit;
        Ok(session)
    }
}

async fn join(session: &Session, begin: String) -> Result<(), SourceError> {
    session.client().batch_execute(&begin).await.map_err(|error| {
        let text =
            "joining the snapshot of the extraction, whose connection may have ended; run the job again";
        // Unknown only because its owner is gone.
        SourceError { kind: SourceErrorKind::Unreachable, ..fault::query(text, error) }
    })
}

/// The statements that nobody has begun, one for each part.
type Left = Arc<Mutex<VecDeque<String>>>;

fn next(left: &Left) -> Option<String> {
    left.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// What a reader that goes away before the end leaves behind: its connections are being ended from that
/// moment on, and not only when their tasks have seen it.
struct Abandoned {
    left: Until,
    shared: Arc<Shared>,
}

/// Held by every task that reads the table.
type Until = Arc<Mutex<Option<Ending>>>;

impl Drop for Abandoned {
    fn drop(&mut self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Ending::begin(Arc::clone(&self.shared)));
    }
}

/// Starts to read, and goes on as fast as batches are taken, until whoever takes them or the snapshot goes
/// away. The first statement runs on return: what is wrong with it is told before any row.
pub(super) async fn batches(
    view: &View,
    reader: Session,
    decoder: Decoder,
    mut statements: VecDeque<String>,
) -> Result<BoxStream<'static, Batch>, SourceError> {
    let doing = format!("reading table {}", decoder.table());
    let first = statements.pop_front().unwrap_or_default();
    let copy = reader.client().copy_out(&first).await.map_err(|error| fault::query(&doing, error))?;
    let left = Arc::new(Mutex::new(statements));
    let view = view.clone();
    let until = Until::default();
    let abandoned = Abandoned { left: Arc::clone(&until), shared: Arc::clone(view.link.shared()) };
    let batches = stream::lazy(move |sender| {
        tokio::spawn(async move {
            // Let go of when all below is gone.
            let until = until;
            let outcome = {
                let mut open = view.open.clone();
                tokio::select! {
                    () = sender.closed() => return,
                    _ = open.changed() => Err(SourceError::new(
                        SourceErrorKind::Unreachable,
                        format!("The snapshot was closed while {doing}"),
                    )),
                    outcome = all(&view, reader, copy, decoder, left, (&sender, &until)) => outcome,
                }
            };
            if let Err(error) = outcome {
                // The reader may be gone; then nobody wants to know.
                drop(sender.send(Err(error)).await);
            }
        })
    });
    let batches = batches.map(move |batch| {
        // It goes when the stream goes.
        let _ = &abandoned;
        batch
    });
    Ok(batches.boxed())
}

/// Reads all parts, on this connection and on others as they become free.
async fn all(
    view: &View,
    reader: Session,
    copy: tokio_postgres::CopyOutStream,
    decoder: Decoder,
    left: Left,
    (sender, until): (&mpsc::Sender<Batch>, &Until),
) -> Result<(), SourceError> {
    let mut helpers = JoinSet::new();
    let parts = left.lock().unwrap_or_else(PoisonError::into_inner).len();
    for _ in 0..parts.min(view.link.connections().saturating_sub(1)) {
        let (view, left, sender, decoder) =
            (view.clone(), Arc::clone(&left), sender.clone(), decoder.another());
        let until = Arc::clone(until);
        helpers.spawn(async move {
            let _until = until;
            help(&view, decoder, &left, &sender).await
        });
    }
    let mut main = std::pin::pin!(read(view, reader, Some(copy), decoder, &left, sender));
    let mut ended = false;
    loop {
        tokio::select! {
            done = &mut main, if !ended => {
                done?;
                ended = true;
                // Those that wait for a connection still have nothing to do any more.
            }
            Some(helped) = helpers.join_next() => match helped {
                Ok(done) => done?,
                Err(error) => {
                    let text = "reading a part of a table broke off";
                    return Err(SourceError::new(SourceErrorKind::Unreachable, text).caused_by(error));
                }
            },
            else => return Ok(()),
        }
    }
}

/// Reads parts on one connection more, if there is one before all are read.
async fn help(
    view: &View,
    decoder: Decoder,
    left: &Left,
    sender: &mpsc::Sender<Batch>,
) -> Result<(), SourceError> {
    let reader = view.reader().await?;
    read(view, reader, None, decoder, left, sender).await
}

/// Reads parts on one connection until none is left.
async fn read(
    view: &View,
    mut reader: Session,
    mut copy: Option<tokio_postgres::CopyOutStream>,
    mut decoder: Decoder,
    left: &Left,
    sender: &mpsc::Sender<Batch>,
) -> Result<(), SourceError> {
    let pulse = Pulse::of(&view.link, &reader);
    let doing = format!("reading table {}", decoder.table());
    loop {
        let stream = match copy.take() {
            Some(stream) => stream,
            None => {
                let Some(statement) = next(left) else { break };
                let copied = reader.client().copy_out(&statement).await;
                copied.map_err(|error| fault::query(&doing, error))?
            }
        };
        if let Err(Unwanted) = decoder.read(stream, &mut reader.rows, &pulse, sender).await? {
            return Ok(());
        }
    }
    reader.give_back(&view.link);
    decoder.finish(sender).await
}
