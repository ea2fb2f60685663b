//! Stub.
use forebay_core::connection::FilesConfig;
use forebay_core::source::{Snapshot, Source, SourceError, SourceTable};

pub(crate) struct Files;
impl Files {
    pub(crate) fn new(_config: FilesConfig) -> Self {
        Self
    }
}
#[async_trait::async_trait]
impl Source for Files {
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
