//! The command line.

pub(crate) mod client;
mod connection;
mod execution;
mod grant;
mod job;
mod key;
mod pool;
mod query;
pub(crate) mod show;
mod user;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;

use crate::demo;
use crate::serve::{self, Options, Server};

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
    },
    /// Make the data folder, an administrator and one API key, without serving.
    Init {
        #[command(flatten)]
        options: Options,
    },
    /// Make a sample source, pool and job, run the job FULL and DELTA, and go on serving.
    Demo(demo::Arguments),
    #[command(flatten)]
    Client(client::ClientCommand),
}

pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let default = match arguments.command {
        Command::Serve { .. } => "info",
        Command::Init { .. } | Command::Demo(_) | Command::Client(_) => "warn",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(arguments)) {
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
        Command::Serve { options, listen } => {
            let opened = serve::open(&options).await?;
            let first_key = opened.first_key.as_ref().map(|first| first.secret.clone());
            let server = Server::start(opened, &listen).await?;
            let mut out = std::io::stdout();
            if let Some(key) = first_key {
                writeln!(
                    out,
                    "This is the first start. The administrator's API key, shown this once:\n\n  {}\n",
                    key.expose()
                )?;
            }
            writeln!(out, "Forebay listens on http://{}", server.address)?;
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
        Command::Demo(arguments) => return demo::run(arguments).await,
        Command::Client(command) => return command.run(json).await,
    }
    Ok(ExitCode::SUCCESS)
}
