//! The stream of binary COPY: rows out of its messages, batches out of rows.
//! Its form: PostgreSQL's documentation, "COPY", "Binary Format".

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::{Buf, Bytes, BytesMut};
use forebay_core::source::{SourceError, SourceErrorKind};
use futures::stream::Fuse;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio_postgres::CopyOutStream;

use super::catalog::RelationColumn;
use super::decode::{Column, Refusal};
use super::fault;
use super::pulse::Pulse;
use super::tap::{Rows, Taken};
use crate::stream::{BATCH_BYTES, BATCH_ROWS};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// After how long a batch is sent that is not full.
const SLOW: Duration = Duration::from_secs(5);

/// How many rows wait until their columns are decoded, one after the other: few enough to be in the
/// processor's cache still.
const WAITING: usize = 1024;
/// From a column's cells to the next one's: not a power of two, or all would fall on the same place in the cache.
const STRIDE: usize = WAITING + 8;

type Sender = mpsc::Sender<Result<RecordBatch, SourceError>>;

/// Where in the stream the decoder is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Tuples,
    End,
}

/// Where a value lies in its memory; its length is negative for NULL.
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
    /// How many rows are not decoded yet, and their cells: those of the first column, then of the next.
    waiting: usize,
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
            waiting: 0,
            cells: vec![Cell::default(); STRIDE * columns.len()],
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
            waiting: 0,
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

    /// Reads a stream to its end and sends the batches that it fills. `taken` has its rows, `copy` what else
    /// the server says.
    pub(super) async fn read(
        &mut self,
        copy: CopyOutStream,
        taken: &mut Taken,
        pulse: &Pulse,
        sender: &Sender,
    ) -> Result<Result<(), Unwanted>, SourceError> {
        // The driver takes it for an error to be asked again at the end.
        let mut copy = std::pin::pin!(copy.fuse());
        let doing = format!("reading table {}", self.table);
        self.place = Place::Head;
        loop {
            let rows = pulse.watch(&doing, next_rows(taken, copy.as_mut())).await?;
            let rows = rows.map_err(|unlike| match unlike {
                Unlike::Failed(error) => fault::query(&doing, error),
                Unlike::Rows => self.malformed("rows came another way"),
            })?;
            let Some(rows) = rows else { break };
            if self.take(&rows, sender).await?.is_err() {
                return Ok(Err(Unwanted));
            }
        }
        if self.place != Place::End || !self.partial.is_empty() {
            return Err(self.malformed("it ended in the middle"));
        }
        Ok(Ok(()))
    }

    /// Decodes a stream that is whole in memory, into one batch.
    pub(super) fn whole(&mut self, stream: &[u8]) -> Result<RecordBatch, SourceError> {
        self.place = Place::Head;
        let used = self.elements(stream, 0..stream.len())?;
        self.decode(stream)?;
        if used < stream.len() || self.place != Place::End {
            return Err(self.malformed("it ended in the middle"));
        }
        self.batch()
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

    /// Takes messages. PostgreSQL sends one whole row in each. A proxy may cut them otherwise: then what is
    /// there is kept until the row is whole.
    async fn take(&mut self, rows: &Rows, sender: &Sender) -> Result<Result<(), Unwanted>, SourceError> {
        let (memory, messages) = rows.messages();
        for message in messages {
            if self.partial.is_empty() {
                let used = self.elements(memory, message.clone())?;
                if used < message.end {
                    self.decode(memory)?;
                    self.partial.extend_from_slice(&memory[used..message.end]);
                }
            } else {
                self.decode(memory)?;
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(&memory[message]);
                let used = self.elements(&whole, 0..whole.len())?;
                self.decode(&whole)?;
                whole.advance(used);
                self.partial = whole;
            }
            if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                self.decode(memory)?;
                if self.send(sender).await?.is_err() {
                    return Ok(Err(Unwanted));
                }
            }
        }
        self.decode(memory)?;
        // A slow source is seen to go on.
        if self.rows > 0 && self.sent.elapsed() > SLOW {
            return self.send(sender).await;
        }
        Ok(Ok(()))
    }

    /// Takes what is whole in a range of the memory, and says where the rest begins.
    fn elements(&mut self, memory: &[u8], range: Range<usize>) -> Result<usize, SourceError> {
        let Range { mut start, end } = range;
        while start < end {
            let Some(used) = self.step(&memory[..end], start)? else { break };
            start += used;
        }
        Ok(start)
    }

    /// Takes the next element, which begins here; `None` until more of it has come.
    fn step(&mut self, memory: &[u8], start: usize) -> Result<Option<usize>, SourceError> {
        match self.place {
            Place::Head => {
                let Some((signature, rest)) = memory[start..].split_at_checked(SIGNATURE.len()) else {
                    return Ok(None);
                };
                if signature != SIGNATURE {
                    return Err(self.malformed("it does not begin as it should"));
                }
                let Some(extension) = rest.get(4..).and_then(number) else { return Ok(None) };
                let length = SIGNATURE.len() + 8 + usize::try_from(extension).unwrap_or(0);
                if memory.len() - start < length {
                    return Ok(None);
                }
                self.place = Place::Tuples;
                Ok(Some(length))
            }
            Place::Tuples => self.tuple(memory, start),
            Place::End => Err(self.malformed("it goes on after its end")),
        }
    }

    fn tuple(&mut self, memory: &[u8], start: usize) -> Result<Option<usize>, SourceError> {
        let Some(count) = memory[start..].first_chunk::<2>() else { return Ok(None) };
        match i16::from_be_bytes(*count) {
            -1 => {
                self.place = Place::End;
                return Ok(Some(2));
            }
            count if usize::try_from(count) == Ok(self.columns.len()) => {}
            _ => return Err(self.malformed("a row has another number of columns")),
        }
        let mut at = start + 2;
        for column in 0..self.columns.len() {
            let Some(length) = memory.get(at..).and_then(number) else { return Ok(None) };
            at += 4;
            let place = u32::try_from(at).map_err(|_| self.malformed("a row is longer than 4 GiB"))?;
            self.cells[column * STRIDE + self.waiting] = Cell { at: place, length };
            at += usize::try_from(length).unwrap_or(0);
        }
        if memory.len() < at {
            return Ok(None);
        }
        self.waiting += 1;
        self.rows += 1;
        self.bytes += at - start;
        if self.waiting == WAITING {
            self.decode(memory)?;
        }
        Ok(Some(at - start))
    }

    /// Decodes the rows that wait in this memory.
    fn decode(&mut self, memory: &[u8]) -> Result<(), SourceError> {
        let waiting = std::mem::take(&mut self.waiting);
        for (index, column) in self.columns.iter_mut().enumerate() {
            let values = self.cells[index * STRIDE..][..waiting].iter().map(|cell| {
                let length = usize::try_from(cell.length).ok()?;
                Some(&memory[cell.at as usize..][..length])
            });
            column
                .extend(values)
                .map_err(|refusal| refused(&self.table, self.schema.field(index), refusal))?;
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<RecordBatch, SourceError> {
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

/// What a server said other than the end of a stream.
enum Unlike<E> {
    Failed(E),
    Rows,
}

/// The next rows; `None` when none are left. The end may be seen first, though rows come before it.
async fn next_rows<E>(
    taken: &mut Taken,
    mut copy: Pin<&mut Fuse<impl Stream<Item = Result<Bytes, E>>>>,
) -> Result<Option<Rows>, Unlike<E>> {
    tokio::select! {
        biased;
        Some(rows) = taken.next() => Ok(Some(rows)),
        end = copy.try_next() => match end {
            Ok(None) => Ok(taken.next().now_or_never().flatten()),
            Ok(Some(_)) => Err(Unlike::Rows),
            Err(error) => Err(Unlike::Failed(error)),
        },
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
    use std::task::Poll;

    use arrow::array::{Array, Int32Array};
    use futures::stream;

    use super::*;
    use crate::postgres::tap;
    use crate::postgres::types::Kind;
    use forebay_core::name::Identifier;

    #[tokio::test]
    async fn rows_split_anywhere_are_put_together() {
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
            let (sender, _receiver) = mpsc::channel(1);
            for messages in [vec![head], vec![tail]] {
                assert!(decoder.take(&Rows::of(&messages), &sender).await.unwrap().is_ok());
            }
            assert_read(&mut decoder);
            let mut decoder = Decoder::new("t".to_owned(), &[&column]);
            assert!(decoder.take(&Rows::of(&[head, tail]), &sender).await.unwrap().is_ok());
            assert_read(&mut decoder);
        }
    }

    /// Rows and the end of their stream come between the look for rows and the look for the end.
    #[tokio::test]
    async fn rows_are_not_lost_when_the_end_is_seen_first() {
        let (mut sender, mut taken) = tap::channel();
        let mut looks = 0;
        // As the driver: behind the end comes a message that is no part of the stream.
        let copy = stream::poll_fn(move |_| {
            looks += 1;
            if looks > 1 {
                return Poll::Ready(Some(Err("asked again at the end")));
            }
            sender.try_send(Rows::of(&[b"one"])).unwrap();
            sender.try_send(Rows::of(&[b"two"])).unwrap();
            Poll::Ready(None)
        });
        let mut copy = std::pin::pin!(copy.fuse());
        let mut came = Vec::new();
        while let Some(rows) = next_rows(&mut taken, copy.as_mut()).await.ok().unwrap() {
            let (memory, messages) = rows.messages();
            came.extend(messages.map(|range| memory[range].to_vec()));
        }
        assert_eq!(came, [b"one", b"two"]);
    }

    fn assert_read(decoder: &mut Decoder) {
        assert!(decoder.place == Place::End && decoder.rows == 2 && decoder.partial.is_empty());
        let batch = decoder.batch().unwrap();
        assert_eq!(batch.column(0).as_ref(), &Int32Array::from(vec![Some(7), None]) as &dyn Array);
    }
}
