//! Stub.
use forebay_core::connection::PostgresqlConfig;
use forebay_core::source::{Snapshot, Source, SourceError, SourceTable};

pub(crate) struct Postgres;
impl Postgres {
    pub(crate) fn new(_config: PostgresqlConfig) -> Self {
        Self
    }
}
#[async_trait::async_trait]
impl Source for Postgres {
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
