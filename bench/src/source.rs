//! The databases that are read: a PostgreSQL with TPC-H rows, made by the benchmark.

pub(crate) mod postgres;
pub(crate) mod tpch;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("a free port")?;
    Ok(listener.local_addr()?.port())
}

/// A program as another user when root runs the benchmark, since database servers refuse to run as root.
fn as_user(program: &Path, user: &str) -> Result<Command> {
    if id(&["-u"])? != 0 {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", id(&["-u", user])?)).arg(format!("--regid={}", id(&["-g", user])?));
    command.arg("--clear-groups").arg(program);
    Ok(command)
}

/// Gives a folder to that user when root runs the benchmark.
fn give(folder: &Path, user: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    if id(&["-u"])? == 0 {
        let (user, group) = (id(&["-u", user])?, id(&["-g", user])?);
        std::os::unix::fs::chown(folder, Some(user), Some(group))?;
    }
    Ok(())
}

fn id(of: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(of).output().context("the program id")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    text.parse()
        .with_context(|| format!("id {} says {text:?}; is the database's package installed?", of.join(" ")))
}

/// Runs a program to its end.
fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Says what a kept folder was made with, and refuses one that was made otherwise.
fn fits(folder: &Path, made_with: &str) -> Result<bool> {
    match std::fs::read_to_string(folder.join("made-with")) {
        Ok(kept) if kept == made_with => Ok(true),
        Ok(kept) => bail!(
            "{} was made with {kept}, and {made_with} is wanted; give another --keep, or remove that folder",
            folder.display()
        ),
        Err(_) => Ok(false),
    }
}
