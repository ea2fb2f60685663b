//! The rows of a statement: binary rows out of packets, batches out of rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use forebay_core::source::{SourceError, SourceErrorKind};
use tokio::sync::mpsc;

use super::catalog::RelationColumn;
use super::decode::{Column, Refusal};
use super::fault;
use super::payload::Payload;
use super::session::{Packet, Prepared, Session};
use super::types::Kind;
use crate::choice::shortened;
use crate::stream::{BATCH_BYTES, BATCH_ROWS, Batch};

/// After how long a batch is sent that is not full.
const SLOW: Duration = Duration::from_secs(5);

/// What the rows of one table are, for every statement that reads a part of it.
#[derive(Clone)]
pub(super) struct Shape {
    pub(super) table: Arc<str>,
    pub(super) schema: SchemaRef,
    kinds: Arc<[Kind]>,
}

impl Shape {
    pub(super) fn new(table: &str, columns: &[&RelationColumn]) -> Self {
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| {
                Field::new(column.name.as_str(), column.kind.arrow(), true)
                    .with_metadata([("source_type".to_owned(), column.type_name.clone())])
            })
            .collect();
        Self {
            table: table.into(),
            schema: Arc::new(Schema::new(fields)),
            kinds: columns.iter().map(|column| column.kind).collect(),
        }
    }

    /// Makes sure that a statement's rows are what the decoder takes them for.
    pub(super) fn fits(&self, prepared: &Prepared) -> Result<(), SourceError> {
        let other = |what: &str| {
            let text =
                format!("table {} was changed while it was opened ({what}). Run the job again", self.table);
            SourceError::new(SourceErrorKind::Unreachable, text)
        };
        if prepared.columns.len() != self.kinds.len() {
            return Err(other("another number of columns"));
        }
        for (index, (column, kind)) in prepared.columns.iter().zip(&*self.kinds).enumerate() {
            if !kind.travels_as(column.wire_type, column.unsigned) {
                let name = self.schema.field(index).name();
                return Err(other(&format!("column {name} travels as type {}", column.wire_type)));
            }
        }
        Ok(())
    }
}

/// Turns rows into batches.
pub(super) struct Decoder {
    shape: Shape,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
    /// When the last batch was full.
    sent: Instant,
}

impl Decoder {
    pub(super) fn new(shape: Shape) -> Self {
        let columns = shape.kinds.iter().map(|kind| Column::new(*kind)).collect();
        Self { shape, columns, rows: 0, bytes: 0, sent: Instant::now() }
    }

    /// Reads one running statement to its end. The reader may go away at any time.
    pub(super) async fn read(
        &mut self,
        session: &mut Session,
        sender: &mpsc::Sender<Batch>,
    ) -> Result<(), SourceError> {
        let doing = format!("reading table {}", self.shape.table);
        loop {
            loop {
                match session.ready().map_err(|failure| fault::query(&doing, failure))? {
                    Some(Packet::Row(packet)) => self.row(packet)?,
                    Some(Packet::End) => return Ok(()),
                    None => break,
                }
                if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                    self.send(sender).await?;
                }
            }
            // A slow source is seen to go on.
            if self.rows > 0 && self.sent.elapsed() > SLOW {
                self.send(sender).await?;
            }
            session.fill().await.map_err(|failure| fault::query(&doing, failure))?;
        }
    }

    /// Takes one row.
    fn row(&mut self, packet: &[u8]) -> Result<(), SourceError> {
        // A zero, and a bit for each column that is NULL, from the third bit on.
        let mut values = Payload::new(packet);
        let Some(nulls) = values.take(1 + (self.columns.len() + 9) / 8).map(|head| &head[1..]) else {
            return Err(self.malformed("a row is cut"));
        };
        for (index, column) in self.columns.iter_mut().enumerate() {
            let bit = index + 2;
            if nulls[bit / 8] & (1 << (bit % 8)) != 0 {
                column.append_null();
            } else if let Err(refusal) = column.append(&mut values) {
                return Err(self.refused(index, *refusal));
            }
        }
        if !values.rest().is_empty() {
            return Err(self.malformed("a row is longer than its values"));
        }
        self.rows += 1;
        self.bytes += packet.len();
        Ok(())
    }

    /// Sends the rows so far. A reader that is gone is noticed elsewhere.
    pub(super) async fn send(&mut self, sender: &mpsc::Sender<Batch>) -> Result<(), SourceError> {
        if self.rows > 0 {
            let batch = self.batch()?;
            drop(sender.send(Ok(batch)).await);
            // The waiting was for the reader.
            self.sent = Instant::now();
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<RecordBatch, SourceError> {
        self.rows = 0;
        self.bytes = 0;
        let mut arrays = Vec::with_capacity(self.columns.len());
        for index in 0..self.columns.len() {
            match self.columns[index].finish() {
                Ok(array) => arrays.push(array),
                Err(refusal) => return Err(self.refused(index, *refusal)),
            }
        }
        RecordBatch::try_new(self.shape.schema.clone(), arrays)
            .map_err(|error| self.malformed("a batch does not fit together").caused_by(error))
    }

    fn malformed(&self, how: &str) -> SourceError {
        SourceError::new(
            SourceErrorKind::Unreachable,
            format!("MySQL's stream of table {} is broken: {how}", self.shape.table),
        )
    }

    fn refused(&self, index: usize, refusal: Refusal) -> SourceError {
        let (table, field) = (&self.shape.table, self.shape.schema.field(index));
        let column = field.name();
        let message = match refusal {
            Refusal::Value(value, reason) => {
                format!("Table {table}, column {column}: the value {value} cannot be kept as it is: {reason}")
            }
            Refusal::Malformed => {
                let type_name = field.metadata().get("source_type").map_or("unknown", String::as_str);
                let type_name = shortened(type_name);
                format!("Table {table}, column {column}: MySQL sent a value that is no {type_name}")
            }
        };
        SourceError::new(SourceErrorKind::Value, message)
    }
}
