//! Batches from a task of their own, through a bounded channel.

use arrow::record_batch::RecordBatch;
use forebay_core::source::{SourceError, SourceErrorKind};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The most rows of a batch: a quarter of a row group of the warehouse.
pub(crate) const BATCH_ROWS: usize = 30_720;
/// The bytes after which a batch is full.
pub(crate) const BATCH_BYTES: usize = 8 << 20;

pub(crate) type Batch = Result<RecordBatch, SourceError>;

/// A stream whose producer starts with the first poll and sees the stream's end as a closed
/// channel. A producer that breaks down is an error of the stream, never a short table.
pub(crate) fn lazy(
    start: impl FnOnce(mpsc::Sender<Batch>) -> JoinHandle<()> + Send + 'static,
) -> BoxStream<'static, Batch> {
    let begun = async move {
        let (sender, receiver) = mpsc::channel(2);
        let task = start(sender);
        stream::unfold((receiver, Some(task)), |(mut receiver, mut task)| async move {
            if let Some(batch) = receiver.recv().await {
                return Some((batch, (receiver, task)));
            }
            let error = task.take()?.await.err()?;
            let error = SourceError::new(SourceErrorKind::Unreachable, "reading the table broke off")
                .caused_by(error);
            Some((Err(error), (receiver, None)))
        })
    };
    stream::once(begun).flatten().boxed()
}
