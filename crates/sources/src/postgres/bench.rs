//! The decoder without a server, for its benchmark. Nothing else uses it.

use arrow::array::RecordBatch;
use forebay_core::name::Identifier;
use forebay_core::source::SourceError;

use super::catalog::RelationColumn;
use super::copy::Decoder;
use super::types::Kind;

/// Decodes streams of binary COPY that are whole in memory.
pub struct CopyStream(Decoder);

impl CopyStream {
    /// A table with columns of these types: PostgreSQL's number of each, and its modifier (-1 for none).
    ///
    /// # Panics
    /// Never: the names that it gives the columns are right.
    #[must_use]
    pub fn of(types: &[(u32, i32)]) -> Self {
        let columns: Vec<RelationColumn> = types
            .iter()
            .zip(1..)
            .map(|(&(type_oid, typmod), number)| RelationColumn {
                name: Identifier::parse("column", &format!("c{number}")).expect("letters and digits"),
                number,
                type_name: type_oid.to_string(),
                kind: Kind::of(type_oid, typmod, "b", false),
                type_oid,
                type_sql: type_oid.to_string(),
                computed: None,
            })
            .collect();
        Self(Decoder::new("t".to_owned(), &columns.iter().collect::<Vec<_>>()))
    }

    /// Decodes one stream into one batch.
    ///
    /// # Errors
    /// When it is none, or a value in it cannot be kept.
    pub fn decode(&mut self, stream: &[u8]) -> Result<RecordBatch, SourceError> {
        self.0.whole(stream)
    }
}
