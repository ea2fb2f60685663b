//! The stream of binary COPY: tuples out of chunks, batches out of tuples.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use forebay_core::source::{SourceError, SourceErrorKind};
use futures::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::CopyOutStream;

use super::catalog::RelationColumn;
use super::decode::{Column, Refusal};
use super::fault;
use super::pulse::Pulse;
use crate::stream::{BATCH_BYTES, BATCH_ROWS};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// After how long a batch is sent that is not full.
const SLOW: Duration = Duration::from_secs(5);

type Sender = mpsc::Sender<Result<RecordBatch, SourceError>>;

/// Where in the stream the decoder is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Tuples,
    End,
}

/// Turns one COPY into batches.
pub(super) struct Decoder {
    table: String,
    schema: SchemaRef,
    columns: Vec<Column>,
    place: Place,
    /// A tuple whose rest has not come yet.
    partial: Vec<u8>,
    rows: usize,
    bytes: usize,
    /// When the last batch was full.
    sent: Instant,
}

impl Decoder {
    pub(super) fn new(table: String, columns: &[&RelationColumn]) -> Self {
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| {
                Field::new(column.name.as_str(), column.kind.arrow(), true)
                    .with_metadata([("source_type".to_owned(), column.type_name.clone())])
            })
            .collect();
        Self {
            table,
            schema: Arc::new(Schema::new(fields)),
            columns: columns.iter().map(|column| Column::new(column.kind)).collect(),
            place: Place::Head,
            partial: Vec::new(),
            rows: 0,
            bytes: 0,
            sent: Instant::now(),
        }
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Reads the stream to its end and sends what it holds. The reader may go away at any time.
    pub(super) async fn run(
        mut self,
        copy: CopyOutStream,
        pulse: &Pulse,
        sender: &Sender,
    ) -> Result<(), SourceError> {
        let mut copy = std::pin::pin!(copy);
        let doing = format!("reading table {}", self.table);
        while let Some(chunk) =
            pulse.watch(&doing, copy.try_next()).await?.map_err(|error| fault::query(&doing, error))?
        {
            // PostgreSQL sends whole rows. A proxy may cut them: then what is there is kept, each byte
            // copied once, until the row is whole.
            if self.partial.is_empty() {
                let used = self.take(&chunk, sender).await?;
                self.partial.extend_from_slice(&chunk[used..]);
            } else {
                self.partial.extend_from_slice(&chunk);
                let partial = std::mem::take(&mut self.partial);
                let used = self.take(&partial, sender).await?;
                self.partial = partial;
                self.partial.drain(..used);
            }
            // A slow source is seen to go on.
            if self.rows > 0 && self.sent.elapsed() > SLOW {
                let batch = self.batch()?;
                if sender.send(Ok(batch)).await.is_err() {
                    break;
                }
            }
        }
        if self.place != Place::End {
            return Err(self.malformed("it ended in the middle"));
        }
        if self.rows > 0 {
            let batch = self.batch()?;
            // Nobody waits for the last rows: nothing is lost that anybody wants.
            drop(sender.send(Ok(batch)).await);
        }
        Ok(())
    }

    /// Takes all whole elements off the front, sends the batches that are full, and says how many
    /// bytes were used.
    async fn take(&mut self, bytes: &[u8], sender: &Sender) -> Result<usize, SourceError> {
        let mut used = 0;
        while let Some(more) = self.step(&bytes[used..])? {
            used += more;
            if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                let batch = self.batch()?;
                if sender.send(Ok(batch)).await.is_err() {
                    break;
                }
                // The waiting was for the reader.
                self.sent = Instant::now();
            }
        }
        Ok(used)
    }

    /// Takes the next whole element off the front; `None` until more has come.
    fn step(&mut self, bytes: &[u8]) -> Result<Option<usize>, SourceError> {
        match self.place {
            Place::Head => {
                let Some((signature, rest)) = bytes.split_at_checked(SIGNATURE.len()) else {
                    return Ok(None);
                };
                if signature != SIGNATURE {
                    return Err(self.malformed("it does not begin as it should"));
                }
                let Some(extension) = rest.get(4..).and_then(number) else { return Ok(None) };
                let length = SIGNATURE.len() + 8 + usize::try_from(extension).unwrap_or(0);
                if bytes.len() < length {
                    return Ok(None);
                }
                self.place = Place::Tuples;
                Ok(Some(length))
            }
            Place::Tuples => self.tuple(bytes),
            Place::End if bytes.is_empty() => Ok(None),
            Place::End => Err(self.malformed("it goes on after its end")),
        }
    }

    fn tuple(&mut self, bytes: &[u8]) -> Result<Option<usize>, SourceError> {
        let Some(count) = bytes.first_chunk::<2>() else { return Ok(None) };
        match i16::from_be_bytes(*count) {
            -1 => {
                self.place = Place::End;
                return Ok(Some(2));
            }
            count if usize::try_from(count) == Ok(self.columns.len()) => {}
            _ => return Err(self.malformed("a row has another number of columns")),
        }
        // First whether the row is whole, then its values: a row is never taken in halves.
        let mut at = 2;
        for _ in 0..self.columns.len() {
            let Some(length) = bytes.get(at..).and_then(number) else { return Ok(None) };
            at += 4 + usize::try_from(length).unwrap_or(0);
        }
        if bytes.len() < at {
            return Ok(None);
        }
        let mut rest = &bytes[2..at];
        for (index, column) in self.columns.iter_mut().enumerate() {
            let length = number(rest).unwrap_or(-1);
            rest = &rest[4..];
            let Ok(length) = usize::try_from(length) else {
                column.append_null();
                continue;
            };
            let (value, after) = rest.split_at(length);
            rest = after;
            if let Err(refusal) = column.append(value) {
                return Err(refused(&self.table, self.schema.field(index), refusal));
            }
        }
        self.rows += 1;
        self.bytes += at;
        Ok(Some(at))
    }

    fn batch(&mut self) -> Result<RecordBatch, SourceError> {
        self.sent = Instant::now();
        self.rows = 0;
        self.bytes = 0;
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| self.malformed("a batch does not fit together").caused_by(error))
    }

    fn malformed(&self, how: &str) -> SourceError {
        SourceError::new(
            SourceErrorKind::Unreachable,
            format!("PostgreSQL's stream of table {} is broken: {how}", self.table),
        )
    }
}

fn number(bytes: &[u8]) -> Option<i32> {
    bytes.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes))
}

fn refused(table: &str, field: &Field, refusal: Refusal) -> SourceError {
    let column = field.name();
    let message = match refusal {
        Refusal::Value(value, reason) => {
            format!("Table {table}, column {column}: the value {value} cannot be kept as it is: {reason}")
        }
        Refusal::Malformed => {
            let type_name = field.metadata().get("source_type").map_or("unknown", String::as_str);
            format!("Table {table}, column {column}: PostgreSQL sent a value that is no {type_name}")
        }
    };
    SourceError::new(SourceErrorKind::Value, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::types::Kind;
    use forebay_core::name::Identifier;

    #[test]
    fn rows_split_anywhere_are_put_together() {
        let column = RelationColumn {
            name: Identifier::parse("column", "a").unwrap(),
            type_name: "integer".to_owned(),
            kind: Kind::Int4,
            number: 1,
            type_oid: 23,
            type_sql: "integer".to_owned(),
            computed: None,
        };
        let mut stream = SIGNATURE.to_vec();
        stream.extend([0; 8]);
        stream.extend([0, 1, 0, 0, 0, 4, 0, 0, 0, 7]);
        stream.extend([0, 1, 255, 255, 255, 255]);
        stream.extend([255, 255]);
        for cut in 0..stream.len() {
            let mut decoder = Decoder::new("t".to_owned(), &[&column]);
            let mut from = 0;
            for to in [cut, stream.len()] {
                while let Some(used) = decoder.step(&stream[from..to]).unwrap() {
                    from += used;
                }
            }
            assert!(decoder.place == Place::End && decoder.rows == 2 && from == stream.len());
        }
    }
}
