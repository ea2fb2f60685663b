//! The benchmarks: Forebay beside what a user could pick instead, in turn, from sources that they make.
//!
//! Read `cases.rs` for what is run, `meter.rs` for what is measured, `report.rs` for the targets. Forebay is used
//! through its API alone, as built and with its defaults.

mod cases;
mod forebay;
mod guarded;
mod machine;
mod meter;
mod peers;
mod report;
mod source;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;

/// Runs the benchmarks and prints a table.
#[derive(Parser)]
struct Arguments {
    /// F1, F2, D3, D2, D1, T1000, EMPTY, IDLE; all of them when none is named.
    cases: Vec<String>,
    /// The scale of TPC-H; 1 is 6 million items. Below 0.1 the cases that count are small.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// How often each case is run.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Of scanner, adbc and connectorx; or none.
    #[arg(long, value_delimiter = ',', default_values_t = ["scanner", "adbc", "connectorx"].map(str::to_owned))]
    peers: Vec<String>,
    /// Where every run is written as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A folder that keeps the source and the peers for the next time.
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
    for case in &arguments.cases {
        ensure!(
            cases::ALL.contains(&case.as_str()),
            "{case}: no such case; there are {}",
            cases::ALL.join(", ")
        );
    }
    let names: Vec<String> = arguments.peers.into_iter().filter(|name| name != "none").collect();
    for name in &names {
        ensure!(["scanner", "adbc", "connectorx"].contains(&name.as_str()), "--peers: there is no {name}");
    }
    let temporary = tempfile::Builder::new().prefix("forebay-bench-").tempdir()?;
    // The database's user passes through it.
    std::fs::set_permissions(temporary.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let keep = match &arguments.keep {
        Some(keep) => std::path::absolute(keep)?,
        None => temporary.path().join("keep"),
    };
    std::fs::create_dir_all(&keep)?;
    let source = source::postgres::Postgres::start(&keep.join("postgresql"), arguments.scale).await?;
    let facts = json!({
        "machine": machine::described(), "scale": arguments.scale, "rounds": arguments.rounds,
        "postgresql": source.version, "forebay": env!("CARGO_PKG_VERSION"), "peers": names,
    });
    let mut notes = Vec::new();
    let peers = match names.is_empty() {
        true => None,
        false => peers::Peers::install(&keep.join("peers"))
            .inspect_err(|error| notes.push(format!("the peers cannot be installed: {error:#}")))
            .ok(),
    };
    let wanted: Vec<&'static str> = cases::ALL
        .into_iter()
        .filter(|case| arguments.cases.is_empty() || arguments.cases.iter().any(|named| named == case))
        .collect();
    let work = temporary.path().join("work");
    std::fs::create_dir_all(&work)?;
    let rounds = arguments.rounds;
    let peer_names = names;
    let mut bench = cases::Bench { source, peers, peer_names, rounds, work, samples: Vec::new(), notes };
    for case in &wanted {
        match *case {
            "F1" => bench.full("F1", &["lineitem"]).await?,
            "F2" => bench.full("F2", &["orders", "customer", "lineitem"]).await?,
            "T1000" => bench.many().await?,
            "EMPTY" => bench.empty().await?,
            "IDLE" => bench.idle().await?,
            _ => {} // The delta cases share one table.
        }
    }
    if wanted.iter().any(|case| case.starts_with('D')) {
        bench.delta(&wanted).await?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "{facts}\n\n{}", report::text(&bench.samples, &bench.notes))?;
    if let Some(file) = arguments.json {
        let all = report::json(&bench.samples, &bench.notes, &facts);
        std::fs::write(&file, serde_json::to_string_pretty(&all)?)
            .with_context(|| file.display().to_string())?;
    }
    Ok(if cases::is_right(&bench.samples) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
