//! Stub.
use forebay_core::connection::SqliteConfig;
use forebay_core::source::{Snapshot, Source, SourceError, SourceTable};

pub(crate) struct Sqlite;
impl Sqlite {
    pub(crate) fn new(_config: SqliteConfig) -> Self {
        Self
    }
}
#[async_trait::async_trait]
impl Source for Sqlite {
    async fn check(&self) -> Result<(), SourceError> {
        todo!()
    }
    async fn discover(&self) -> Result<Vec<SourceTable>, SourceError> {
        todo!()
    }
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, SourceError> {
        todo!()
    }
}
