//! The command line.

mod audit;
mod backup;
pub(crate) mod client;
mod connection;
mod execution;
mod grant;
mod group;
mod job;
mod key;
mod oauth;
mod pool;
mod query;
mod schedule;
mod settings;
pub(crate) mod show;
mod user;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;

use crate::demo;
use crate::serve::{self, Options, Server};
use crate::telemetry::Telemetry;
use crate::tls::SiteOptions;
use crate::worker;

/// A self-hosted data integration server.
#[derive(Parser)]
#[command(name = "forebay", version)]
struct Arguments {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        #[command(flatten)]
        options: Options,
        /// Where to listen.
        #[arg(long, env = "FOREBAY_LISTEN", default_value = "127.0.0.1:8080")]
        listen: String,
        #[command(flatten)]
        site: SiteOptions,
        /// Where an OpenTelemetry collector takes traces over gRPC, as http://127.0.0.1:4317; none are sent
        /// without it.
        #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
        otlp_endpoint: Option<String>,
    },
    /// Make the data folder, an administrator and one API key, without serving.
    Init {
        #[command(flatten)]
        options: Options,
    },
    /// Make a sample source, pool and job, run the job FULL and DELTA, and go on serving.
    Demo(demo::Arguments),
    /// Hold one pool for a server, which starts this by itself.
    #[command(hide = true)]
    Worker(worker::Arguments),
    /// Make a data folder of a backup.
    Restore(backup::RestoreArguments),
    #[command(flatten)]
    Client(client::ClientCommand),
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (default, collector) = match &arguments.command {
        Command::Serve { otlp_endpoint, .. } => {
            ("info", otlp_endpoint.as_deref().filter(|text| !text.is_empty()))
        }
        Command::Init { .. }
        | Command::Demo(_)
        | Command::Worker(_)
        | Command::Restore(_)
        | Command::Client(_) => ("warn", None),
    };
    if let Command::Worker(arguments) = &arguments.command {
        // It confines itself before it has a second thread, which a runtime would be.
        return match Telemetry::begin(default, None).and_then(|_| worker::main(arguments)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        };
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let telemetry = {
        let _runtime = runtime.enter();
        match Telemetry::begin(default, collector) {
            Ok(telemetry) => telemetry,
            Err(error) => return failed(&error),
        }
    };
    let ended = runtime.block_on(async {
        let ended = run(arguments).await;
        telemetry.end().await;
        ended
    });
    match ended {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // Nothing is left to do when even standard error is closed.
    drop(writeln!(std::io::stderr(), "forebay: {error:#}"));
    ExitCode::FAILURE
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    match arguments.command {
        Command::Serve { options, listen, site, otlp_endpoint: _ } => {
            let opened = serve::open(&options).await?;
            let first = opened.first_key.as_ref().map(|first| (first.secret.clone(), first.link.clone()));
            let server = Server::start(opened, &listen, &site).await?;
            let mut out = std::io::stdout();
            if let Some((key, link)) = first {
                writeln!(
                    out,
                    "This is the first start. The administrator's API key, shown this once:\n\n  {}\n\n\
                     In a browser, sign in with this link; it works once, within a day:\n\n  {}\n",
                    key.expose(),
                    forebay_api::sign_in_url(&server.url, &link)
                )?;
            }
            writeln!(out, "Forebay listens on {}", server.url)?;
            out.flush()?;
            server.serve(serve::asked_to_end()).await?;
        }
        Command::Init { options } => {
            let opened = serve::open(&options).await?;
            let dir = options.data_dir.display();
            let Some(first) = &opened.first_key else {
                anyhow::bail!("the data folder {dir} is in use already; its key was shown when it was made");
            };
            let mut out = std::io::stdout();
            if json {
                let body = json!({
                    "dataDir": options.data_dir, "adminUserId": first.user.id, "adminApiKey": first.secret.expose(),
                });
                writeln!(out, "{body}")?;
            } else {
                writeln!(
                    out,
                    "The data folder {dir} is ready. The administrator's API key, shown this once:\n\n  {}",
                    first.secret.expose()
                )?;
            }
        }
        Command::Worker(_) => anyhow::bail!("a worker runs before there is a runtime"),
        Command::Demo(arguments) => return demo::run(arguments).await,
        Command::Restore(arguments) => return arguments.run(json).await,
        Command::Client(command) => return command.run(json).await,
    }
    Ok(ExitCode::SUCCESS)
}
