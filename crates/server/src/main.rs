//! The binary `forebay`: parses the arguments and picks a command.

mod api;
mod cli;
mod demo;
mod serve;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
