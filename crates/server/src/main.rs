//! The binary `forebay`: parses the arguments and picks a command.

mod cli;
mod demo;
mod disk;
mod local_pool;
mod serve;
mod telemetry;
mod tls;
mod wiring;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
