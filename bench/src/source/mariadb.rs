//! The MariaDB source: a server of the benchmark's own with the table of F3.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Facts, PASSWORD, as_user, buffers, fits, free_port, give, run, tpch};
use crate::guarded::Guarded;

/// Whom the server runs as when root runs the benchmark: the program's package makes no user.
const USER: &str = "nobody";
/// The database with the tables.
pub(crate) const DATABASE: &str = "tpch";

/// A running MariaDB. Its user `bench` may do everything.
pub(crate) struct Mariadb {
    server: Guarded,
    pub(crate) port: u16,
    pub(crate) version: String,
}

impl Mariadb {
    /// Starts the server in `folder` with `lineitem`; makes both when they are not there.
    ///
    /// # Errors
    ///
    /// When the folder holds another scale, or MariaDB is missing or does not start.
    pub(crate) async fn start(folder: &Path, scale: f64) -> Result<Self> {
        let program = program()?;
        let made_with = format!("scale {scale}, layout 1");
        let kept = fits(folder, &made_with)?;
        give(folder, USER)?;
        let (data, log) = (folder.join("data"), folder.join("log"));
        if !kept {
            if data.exists() {
                std::fs::remove_dir_all(&data).context("tables that were not finished")?;
            }
            give(&data, USER)?;
            let mut install = as_user(Path::new("mariadb-install-db"), USER)?;
            // This script takes a value only after an equals sign.
            install.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
            install.arg(format!("--tmpdir={}", folder.display()));
            install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
            run(install.current_dir(folder))?;
        }
        let first = folder.join("first.sql");
        std::fs::write(
            &first,
            format!(
                "CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n\
                 CREATE USER IF NOT EXISTS bench@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
                 GRANT ALL ON *.* TO bench@'127.0.0.1' WITH GRANT OPTION;\n"
            ),
        )?;
        let port = free_port()?;
        let mut command = as_user(&program, USER)?;
        command
            .current_dir(folder)
            .arg("--no-defaults")
            .arg("--datadir")
            .arg(&data)
            .arg("--tmpdir")
            .arg(folder);
        command.arg("--init-file").arg(&first);
        for setting in [
            &format!("port={port}"),
            "bind-address=127.0.0.1",
            "skip-name-resolve",
            // In the data folder: the length of a socket's path has a limit.
            "socket=socket",
            "pid-file=pid",
            "skip-log-bin",
            "character-set-server=utf8mb4",
            &format!("innodb-buffer-pool-size={}", buffers(scale)),
            "innodb-log-file-size=512M",
            // The source's durability is not what is measured.
            "innodb-flush-log-at-trx-commit=0",
            "max-allowed-packet=256M",
            "local-infile=1",
        ] {
            command.arg(format!("--{setting}"));
        }
        let server = Guarded::start(&command, "TERM", &log)?;
        let mut source = Self { server, port, version: String::new() };
        source.wait().await.with_context(|| format!("see {}", log.display()))?;
        source.version = source.ask("SELECT version()")?;
        if !kept {
            source.fill("lineitem", scale)?;
            std::fs::write(folder.join("made-with"), made_with)?;
        }
        source.facts("lineitem")?;
        Ok(source)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid
    }

    /// What a table holds now.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub(crate) fn facts(&self, table: &str) -> Result<Facts> {
        let answer = self.ask(&format!("SELECT count(*), sum({}) FROM {table}", tpch::amount(table)))?;
        let (rows, sum) =
            answer.split_once('\t').with_context(|| format!("a count and a sum, not {answer}"))?;
        Ok(Facts { rows: rows.parse()?, sum: sum.to_owned() })
    }

    async fn wait(&self) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.ask("SELECT 1") {
            if self.server.is_gone() || begun.elapsed() > Duration::from_secs(120) {
                return Err(error).context("MariaDB does not start");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Rows stream from the generator through the client, so no file is written beside the table.
    fn fill(&self, table: &str, scale: f64) -> Result<()> {
        eprintln!("making {table} at scale {scale} in MariaDB");
        let (columns, key) = (tpch::columns(table), tpch::key(table));
        self.ask(&format!("CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}))"))?;
        // Without these checks InnoDB fills an empty table in bulk.
        let load = format!(
            "SET unique_checks = 0, foreign_key_checks = 0;
             LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table}
             FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        );
        let mut client = self.client();
        client.arg("--local-infile=1").args(["-e", &load]).stdin(Stdio::piped());
        let mut client = client.stdout(Stdio::null()).spawn().context("the program mariadb")?;
        let mut rows = client.stdin.take().context("the client's input")?;
        for chunk in tpch::chunks(table, scale) {
            rows.write_all(chunk.as_bytes()).context("the program mariadb stopped reading")?;
        }
        drop(rows);
        ensure!(client.wait()?.success(), "LOAD DATA into {table} failed");
        self.ask(&format!("ANALYZE TABLE {table}"))?;
        Ok(())
    }

    fn ask(&self, sql: &str) -> Result<String> {
        let output = self.client().args(["-e", sql]).stdin(Stdio::null()).output();
        let output = output.context("the program mariadb; on Debian: apt-get install mariadb-client-core")?;
        ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    fn client(&self) -> Command {
        let mut client = Command::new("mariadb");
        client.args([
            "--no-defaults",
            "--batch",
            "--skip-column-names",
            "--protocol=tcp",
            "--host=127.0.0.1",
        ]);
        client.arg(format!("--port={}", self.port)).arg("--user=bench").env("MYSQL_PWD", PASSWORD);
        client.arg(format!("--database={DATABASE}"));
        client
    }
}

/// The server's program; Debian keeps it where only root looks.
fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]) {
        if folder.join("mariadbd").exists() {
            return Ok(folder.join("mariadbd"));
        }
    }
    bail!("MariaDB is missing (mariadbd); on Debian: apt-get install mariadb-server-core mariadb-client-core")
}
