//! The benchmarks: Forebay beside what a user could pick instead, in turn, from sources that they make.
//!
//! Read `cases.rs` for what is run, `meter.rs` for what is measured, `targets.rs` for what must be reached. Forebay is
//! used through its API, and for its pages as a browser does, as built and with its defaults.

mod browser;
mod cases;
mod forebay;
mod guarded;
mod machine;
mod meter;
mod peers;
mod readers;
mod report;
mod source;
mod targets;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;

/// Runs the benchmarks and prints a table.
#[derive(Parser)]
struct Arguments {
    /// F1, F2, F3, D3, D2, D1, T1000, EMPTY, TINY, STATUS, IDLE, LISTS, F1L, D1L; all of them when none is named.
    cases: Vec<String>,
    /// The scale of TPC-H; 1 is 6 million items. Below 0.1 the cases that count are small.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// How often each case is run.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Of scanner, adbc, connectorx, dlt, sling and ingestr; or none.
    #[arg(long, value_delimiter = ',', default_values_t = peers::names())]
    peers: Vec<String>,
    /// Where every run is written as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A folder that keeps the sources and the peers for the next time.
    #[arg(long)]
    keep: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider is set already")?;
    tokio::runtime::Runtime::new()?.block_on(run(Arguments::parse()))
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let all = cases::all();
    for case in &arguments.cases {
        ensure!(all.contains(&case.as_str()), "{case}: no such case; there are {}", all.join(", "));
    }
    ensure!(arguments.rounds > 0 && arguments.scale > 0.0, "--rounds and --scale must be more than 0");
    let wanted = match arguments.cases.is_empty() {
        true => all.into_iter().map(str::to_owned).collect(),
        false => arguments.cases,
    };
    let names: Vec<String> = arguments.peers.into_iter().filter(|name| name != "none").collect();
    let temporary = tempfile::Builder::new().prefix("forebay-bench-").tempdir()?;
    // The database's user passes through it.
    std::fs::set_permissions(temporary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let folder = match &arguments.keep {
        Some(keep) => std::path::absolute(keep)?,
        None => temporary.path().join("keep"),
    };
    let work = temporary.path().join("work");
    std::fs::create_dir_all(&folder)?;
    std::fs::create_dir_all(&work)?;
    let mut notes = Vec::new();
    let peers = peers::Peers::install(&folder.join("peers"), &names, &wanted, &mut notes)?;
    let mut sources = source::Sources::new(folder, arguments.scale);
    let (scale, rounds, keep) = (arguments.scale, arguments.rounds, arguments.keep.is_some());
    let (samples, versions) = (Vec::new(), Vec::new());
    let mut bench =
        cases::Bench { scale, rounds, peers, keep, work, samples, notes, versions, is_broken: false };
    bench.run(&wanted, &mut sources).await;
    let facts = json!({
        "machine": machine::described(), "scale": scale, "rounds": rounds, "cases": wanted, "peers": names,
        "sources": bench.versions, "forebay": env!("CARGO_PKG_VERSION"),
    });
    let mut out = std::io::stdout();
    writeln!(out, "{facts}\n\n{}", report::text(&bench.samples, &bench.notes))?;
    if let Some(file) = arguments.json {
        let all = report::json(&bench.samples, &bench.notes, &facts);
        std::fs::write(&file, serde_json::to_string_pretty(&all)?)
            .with_context(|| file.display().to_string())?;
    }
    let is_right = !bench.is_broken && bench.samples.iter().all(|sample| sample.wrong.is_empty());
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
