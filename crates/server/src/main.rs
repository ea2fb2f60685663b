//! The binary `forebay`: parses the arguments and picks a command.

mod api;
mod audit;
mod cli;
mod csrf;
mod demo;
mod disk;
mod listen;
mod local_pool;
mod oidc;
mod serve;
mod telemetry;
mod tls;
mod ui;
mod wiring;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
