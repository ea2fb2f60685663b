//! The rows of a query on the wire: one Arrow IPC stream, cut into small messages, then its end.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use forebay_core::warehouse::{Rows, WarehouseError, WarehouseErrorKind};

use super::query_reply::Part;
use super::{QueryEnd, QueryReply, failure};

/// The most bytes of rows in one message.
const PART: usize = 512 * 1024;

/// The replies that tell an answer, made one batch at a time.
pub(crate) struct Replies {
    writer: Option<StreamWriter<Vec<u8>>>,
    batches: std::vec::IntoIter<RecordBatch>,
    truncated: bool,
    ready: VecDeque<Part>,
}

impl Replies {
    pub(crate) fn new(answer: Result<Rows, WarehouseError>) -> Self {
        let nothing = || Self {
            writer: None,
            batches: Vec::new().into_iter(),
            truncated: false,
            ready: VecDeque::new(),
        };
        let rows = match answer {
            Ok(rows) => rows,
            Err(error) => {
                let mut replies = nothing();
                replies.ready.push_back(Part::Failure(failure::of_warehouse(&error)));
                return replies;
            }
        };
        match StreamWriter::try_new(Vec::new(), &rows.schema) {
            Ok(writer) => Self {
                writer: Some(writer),
                batches: rows.batches.into_iter(),
                truncated: rows.truncated,
                ready: VecDeque::new(),
            },
            Err(error) => {
                let mut replies = nothing();
                replies.fail(error);
                replies
            }
        }
    }

    /// Writes the next batch, or the end of the stream.
    fn write(&mut self, mut writer: StreamWriter<Vec<u8>>) -> Result<(), ArrowError> {
        let batch = self.batches.next();
        match &batch {
            Some(batch) => writer.write(batch)?,
            None => writer.finish()?,
        }
        let bytes = std::mem::take(writer.get_mut());
        self.ready.extend(bytes.chunks(PART).map(|part| Part::Rows(part.to_vec())));
        if batch.is_some() {
            self.writer = Some(writer);
        } else {
            self.ready.push_back(Part::End(QueryEnd { truncated: self.truncated }));
        }
        Ok(())
    }

    fn fail(&mut self, error: ArrowError) {
        let error =
            WarehouseError::new(WarehouseErrorKind::Internal, "the rows cannot be sent").caused_by(error);
        self.ready.push_back(Part::Failure(failure::of_warehouse(&error)));
    }
}

impl Iterator for Replies {
    type Item = QueryReply;

    fn next(&mut self) -> Option<QueryReply> {
        while self.ready.is_empty() {
            let writer = self.writer.take()?;
            if let Err(error) = self.write(writer) {
                self.fail(error);
            }
        }
        self.ready.pop_front().map(|part| QueryReply { part: Some(part) })
    }
}

/// Puts an answer together again.
#[derive(Default)]
pub(crate) struct Answer {
    decoder: StreamDecoder,
    batches: Vec<RecordBatch>,
}

impl Answer {
    /// Takes one reply. The last one gives the whole answer.
    pub(crate) fn take(&mut self, reply: QueryReply) -> Option<Result<Rows, WarehouseError>> {
        match reply.part {
            Some(Part::Rows(bytes)) => {
                let mut buffer = Buffer::from_vec(bytes);
                while !buffer.is_empty() {
                    match self.decoder.decode(&mut buffer) {
                        Ok(batch) => self.batches.extend(batch),
                        Err(error) => return Some(Err(unreadable().caused_by(error))),
                    }
                }
                None
            }
            Some(Part::End(end)) => Some(match self.decoder.schema() {
                Some(schema) => {
                    Ok(Rows { schema, batches: std::mem::take(&mut self.batches), truncated: end.truncated })
                }
                None => Err(unreadable()),
            }),
            Some(Part::Failure(failure)) => Some(Err(failure::to_warehouse(failure))),
            None => Some(Err(unreadable())),
        }
    }
}

/// What a worker of another version, or a defect, would send.
pub(crate) fn unreadable() -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Internal, "the answer of the pool's worker cannot be read")
}
