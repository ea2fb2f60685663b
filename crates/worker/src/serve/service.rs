//! Each call of the protocol as a call of the pool.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use forebay_core::connection::ConnectionConfig;
use forebay_core::name::Identifier;
use forebay_core::plane::PoolPlane;
use forebay_core::spec::ScriptQuery;
use forebay_core::stop::Stop;
use forebay_core::warehouse::Query;
use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use crate::child::{self, Tether};
use crate::protocol::rows::Replies;
use crate::protocol::worker_server::Worker;
use crate::protocol::{
    BackupReply, BackupRequest, CheckReply, CheckRequest, DiscoverReply, DiscoverRequest, EndReply,
    EndRequest, ExplainReply, ExplainRequest, ExportReply, ExportRequest, HeartbeatReply, HeartbeatRequest,
    HelloReply, HelloRequest, PROTOCOL, PreviewReply, PreviewRequest, QueryReply, QueryRequest, RunCommand,
    RunNews, TablesReply, TablesRequest, export, failure, preview, tables,
};
use crate::serve::About;
use crate::serve::run::{self, Running};

pub(crate) struct Service {
    plane: Arc<dyn PoolPlane>,
    about: About,
    running: Running,
    end: watch::Sender<bool>,
    tether: Tether,
}

impl Service {
    pub(crate) fn new(
        plane: Arc<dyn PoolPlane>,
        about: About,
        end: watch::Sender<bool>,
        tether: Tether,
    ) -> Self {
        Self { plane, about, running: Running::default(), end, tether }
    }
}

#[async_trait]
impl Worker for Service {
    async fn hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(HelloReply {
            protocol: PROTOCOL,
            forebay_version: self.about.version.clone(),
            pool: self.about.pool.to_string(),
            confinement: self.about.confinement.clone(),
        }))
    }

    async fn heartbeat(&self, _: Request<HeartbeatRequest>) -> Result<Response<HeartbeatReply>, Status> {
        let memory = child::memory();
        Ok(Response::new(HeartbeatReply {
            memory_bytes: memory.now,
            peak_bytes: memory.peak,
            executions: self.running.list(),
        }))
    }

    type RunStream = BoxStream<'static, Result<RunNews, Status>>;

    async fn run(
        &self,
        request: Request<Streaming<RunCommand>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        let news = run::begin(Arc::clone(&self.plane), &self.running, request.into_inner()).await?;
        Ok(Response::new(news))
    }

    type QueryStream = BoxStream<'static, Result<QueryReply, Status>>;

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<Self::QueryStream>, Status> {
        let request = request.into_inner();
        let schemas: Result<Vec<Identifier>, _> =
            request.schemas.into_iter().map(Identifier::try_from).collect();
        let query = Query {
            sql: request.sql,
            schemas: schemas.map_err(|error| Status::invalid_argument(error.to_string()))?,
            limit: usize::try_from(request.limit).unwrap_or(usize::MAX),
        };
        let script = script(&request.script)?;
        let plane = Arc::clone(&self.plane);
        // All of it within the stream: one that is dropped, because the call was, interrupts the statement.
        let answer = async move {
            match script {
                None => guarded(plane.query(query, &Stop::never())).await,
                Some(script) => guarded(plane.query_script(script, &Stop::never())).await,
            }
        };
        let replies = stream::once(answer).flat_map(|answer| match answer {
            Ok(answer) => stream::iter(Replies::new(answer).map(Ok)).boxed(),
            Err(panicked) => stream::iter([Err(panicked)]).boxed(),
        });
        Ok(Response::new(replies.boxed()))
    }

    async fn export(&self, request: Request<ExportRequest>) -> Result<Response<ExportReply>, Status> {
        let request = export::to_request(request.into_inner())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        // A call that is dropped drops this, which ends the work.
        let reply = match guarded(self.plane.export(request, &Stop::never())).await? {
            Ok(exported) => ExportReply { exported: exported.map(export::of_exported), failure: None },
            Err(error) => ExportReply { exported: None, failure: Some(failure::of_warehouse(&error)) },
        };
        Ok(Response::new(reply))
    }

    async fn tables(&self, _: Request<TablesRequest>) -> Result<Response<TablesReply>, Status> {
        let (tables, failure) = match guarded(self.plane.tables()).await? {
            Ok(tables) => (tables.into_iter().map(tables::of_pool).collect(), None),
            Err(error) => (Vec::new(), Some(failure::of_warehouse(&error))),
        };
        Ok(Response::new(TablesReply { tables, failure }))
    }

    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckReply>, Status> {
        let config = config(&request.into_inner().config)?;
        let checked = guarded(self.plane.check(&config)).await?;
        let failure = checked.err().map(|error| failure::of_source(&error));
        Ok(Response::new(CheckReply { failure }))
    }

    async fn discover(&self, request: Request<DiscoverRequest>) -> Result<Response<DiscoverReply>, Status> {
        let config = config(&request.into_inner().config)?;
        let (tables, failure) = match guarded(self.plane.discover(&config)).await? {
            Ok(tables) => (tables.into_iter().map(tables::of_source).collect(), None),
            Err(error) => (Vec::new(), Some(failure::of_source(&error))),
        };
        Ok(Response::new(DiscoverReply { tables, failure }))
    }

    async fn preview(&self, request: Request<PreviewRequest>) -> Result<Response<PreviewReply>, Status> {
        let request = request.into_inner();
        let config = config(&request.config)?;
        let table =
            preview::to_table(&request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let rows = usize::try_from(request.rows).unwrap_or(usize::MAX);
        // A call that is dropped drops this, which ends the statement at the source.
        let looked = guarded(self.plane.preview(&config, &table, rows)).await?;
        Ok(Response::new(preview::of_preview(looked)))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainReply>, Status> {
        // The text of the error could quote a secret.
        let spec = serde_json::from_slice(&request.into_inner().spec)
            .map_err(|_| Status::invalid_argument("the execution spec cannot be read by this version"))?;
        let explained = guarded(self.plane.explain(&spec)).await?;
        Ok(Response::new(preview::of_explanation(explained)))
    }

    async fn backup(&self, _: Request<BackupRequest>) -> Result<Response<BackupReply>, Status> {
        use std::os::unix::ffi::OsStringExt;

        let (path, failure) = match guarded(self.plane.backup()).await? {
            Ok(path) => (path.into_os_string().into_vec(), None),
            Err(error) => (Vec::new(), Some(failure::of_warehouse(&error))),
        };
        Ok(Response::new(BackupReply { path, failure }))
    }

    async fn end(&self, _: Request<EndRequest>) -> Result<Response<EndReply>, Status> {
        // Before the server can hear of it and close the connection.
        self.tether.loosen();
        self.end.send_replace(true);
        Ok(Response::new(EndReply {}))
    }
}

fn config(json: &[u8]) -> Result<ConnectionConfig, Status> {
    // The text of the error could quote a secret.
    serde_json::from_slice(json).map_err(|_| {
        Status::invalid_argument("the connection's configuration cannot be read by this version")
    })
}

fn script(json: &[u8]) -> Result<Option<ScriptQuery>, Status> {
    if json.is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_slice(json).map(Some);
    read.map_err(|error| Status::invalid_argument(format!("the statement cannot be read: {error}")))
}

/// A call that panics ends by itself: the worker and its other calls go on.
async fn guarded<T>(call: impl Future<Output = T>) -> Result<T, Status> {
    let panicked = |_| Status::aborted("the call ended in a panic");
    AssertUnwindSafe(call).catch_unwind().await.map_err(panicked)
}
