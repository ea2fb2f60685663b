//! The stream of binary COPY: rows out of its messages, batches out of rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::{Bytes, BytesMut};
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

/// How many rows wait until their columns are decoded, one after the other: few enough to be in the
/// processor's cache still.
const WAITING: usize = 1024;

type Sender = mpsc::Sender<Result<RecordBatch, SourceError>>;

/// Where in the stream the decoder is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Tuples,
    End,
}

/// Where a value lies in its row; its length is negative for NULL.
#[derive(Clone, Copy, Default)]
struct Cell {
    at: u32,
    length: i32,
}

/// Turns COPY streams of one table, one after the other, into batches.
pub(super) struct Decoder {
    table: String,
    schema: SchemaRef,
    columns: Vec<Column>,
    place: Place,
    /// A tuple whose rest has not come yet.
    partial: BytesMut,
    /// Whole rows that are not decoded yet, and their cells: `WAITING` of the first column, then of the
    /// next.
    waiting: Vec<Bytes>,
    cells: Vec<Cell>,
    /// Rows and bytes of the batch, those that wait included.
    rows: usize,
    bytes: usize,
    /// When the last batch was full.
    sent: Instant,
}

/// Whoever takes the batches is gone.
pub(super) struct Unwanted;

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
            partial: BytesMut::new(),
            waiting: Vec::with_capacity(WAITING),
            cells: vec![Cell::default(); WAITING * columns.len()],
            rows: 0,
            bytes: 0,
            sent: Instant::now(),
        }
    }

    /// One for the same table, with no rows.
    pub(super) fn another(&self) -> Self {
        Self {
            table: self.table.clone(),
            schema: self.schema(),
            columns: self.columns.iter().map(Column::another).collect(),
            place: Place::Head,
            partial: BytesMut::new(),
            waiting: Vec::with_capacity(WAITING),
            cells: vec![Cell::default(); self.cells.len()],
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

    /// Reads a stream to its end and sends the batches that it fills.
    pub(super) async fn read(
        &mut self,
        copy: CopyOutStream,
        pulse: &Pulse,
        sender: &Sender,
    ) -> Result<Result<(), Unwanted>, SourceError> {
        let mut copy = std::pin::pin!(copy);
        let doing = format!("reading table {}", self.table);
        self.place = Place::Head;
        while let Some(message) =
            pulse.watch(&doing, copy.try_next()).await?.map_err(|error| fault::query(&doing, error))?
        {
            self.take(message)?;
            let full = self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES;
            // A slow source is seen to go on; the clock is not asked for every row.
            let slow = || self.waiting.len() % 64 == 1 && self.rows > 0 && self.sent.elapsed() > SLOW;
            if (full || slow()) && self.send(sender).await?.is_err() {
                return Ok(Err(Unwanted));
            }
        }
        if self.place != Place::End || !self.partial.is_empty() {
            return Err(self.malformed("it ended in the middle"));
        }
        Ok(Ok(()))
    }

    /// Sends the rows that are left. Nobody may wait for them any more: nothing is lost then that anybody
    /// wants.
    pub(super) async fn finish(mut self, sender: &Sender) -> Result<(), SourceError> {
        if self.rows > 0 {
            drop(self.send(sender).await?);
        }
        Ok(())
    }

    async fn send(&mut self, sender: &Sender) -> Result<Result<(), Unwanted>, SourceError> {
        let batch = self.batch()?;
        let sent = sender.send(Ok(batch)).await.map_err(|_| Unwanted);
        // The waiting was for the reader.
        self.sent = Instant::now();
        Ok(sent)
    }

    /// Takes a message. PostgreSQL sends one whole row in each. A proxy may cut them otherwise: then what
    /// is there is kept until the row is whole.
    fn take(&mut self, message: Bytes) -> Result<(), SourceError> {
        // What is kept of it shares its bytes.
        let mut bytes = if self.partial.is_empty() {
            message
        } else {
            self.partial.extend_from_slice(&message);
            self.partial.split().freeze()
        };
        while !bytes.is_empty() {
            let Some(used) = self.step(&bytes)? else { break };
            bytes = bytes.slice(used..);
        }
        self.partial.extend_from_slice(&bytes);
        Ok(())
    }

    /// Takes the next whole element off the front; `None` until more has come.
    fn step(&mut self, bytes: &Bytes) -> Result<Option<usize>, SourceError> {
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
            Place::End => Err(self.malformed("it goes on after its end")),
        }
    }

    fn tuple(&mut self, bytes: &Bytes) -> Result<Option<usize>, SourceError> {
        let Some(count) = bytes.first_chunk::<2>() else { return Ok(None) };
        match i16::from_be_bytes(*count) {
            -1 => {
                self.place = Place::End;
                return Ok(Some(2));
            }
            count if usize::try_from(count) == Ok(self.columns.len()) => {}
            _ => return Err(self.malformed("a row has another number of columns")),
        }
        let row = self.waiting.len();
        let mut at = 2;
        for column in 0..self.columns.len() {
            let Some(length) = bytes.get(at..).and_then(number) else { return Ok(None) };
            at += 4;
            let start = u32::try_from(at).map_err(|_| self.malformed("a row is longer than 4 GiB"))?;
            self.cells[column * WAITING + row] = Cell { at: start, length };
            at += usize::try_from(length).unwrap_or(0);
        }
        if bytes.len() < at {
            return Ok(None);
        }
        self.waiting.push(bytes.slice(..at));
        self.rows += 1;
        self.bytes += at;
        if self.waiting.len() == WAITING {
            self.decode()?;
        }
        Ok(Some(at))
    }

    /// Decodes the rows that wait.
    fn decode(&mut self) -> Result<(), SourceError> {
        let rows = &self.waiting;
        for (index, column) in self.columns.iter_mut().enumerate() {
            let cells = &self.cells[index * WAITING..][..rows.len()];
            let values = rows.iter().zip(cells).map(|(row, cell)| {
                let length = usize::try_from(cell.length).ok()?;
                Some(&row[cell.at as usize..][..length])
            });
            column
                .extend(values)
                .map_err(|refusal| refused(&self.table, self.schema.field(index), refusal))?;
        }
        self.waiting.clear();
        Ok(())
    }

    fn batch(&mut self) -> Result<RecordBatch, SourceError> {
        self.decode()?;
        self.rows = 0;
        self.bytes = 0;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter_mut().enumerate() {
            let finished = column.finish();
            columns
                .push(finished.map_err(|refusal| refused(&self.table, self.schema.field(index), refusal))?);
        }
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
            let (head, tail) = stream.split_at(cut);
            for message in [head, tail] {
                decoder.take(Bytes::copy_from_slice(message)).unwrap();
            }
            assert!(decoder.place == Place::End && decoder.rows == 2 && decoder.partial.is_empty());
            let batch = decoder.batch().unwrap();
            assert_eq!((batch.num_rows(), batch.column(0).null_count()), (2, 1));
        }
    }
}
