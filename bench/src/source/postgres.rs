//! The PostgreSQL source: a server of the benchmark's own, its tables, and the changes of the DELTA cases.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::SinkExt;
use tokio_postgres::{Client, NoTls};

use super::{as_user, fits, free_port, give, run, tpch};
use crate::guarded::Guarded;

const USER: &str = "postgres";
/// Of the superuser `bench`; the server listens on loopback only and ends with the benchmark.
pub(crate) const PASSWORD: &str = "bench";

/// A running PostgreSQL with the benchmark's tables.
pub(crate) struct Postgres {
    pub(crate) client: Client,
    pub(crate) port: u16,
    server: Guarded,
    pub(crate) scale: f64,
    pub(crate) version: String,
}

/// What a table holds: the number of rows, and the exact sum of one column as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) rows: u64,
    pub(crate) sum: String,
}

impl Postgres {
    /// Starts the server in `folder`, with the tables of F1 and F2; makes both when they are not there.
    ///
    /// # Errors
    ///
    /// When the folder holds another scale, or PostgreSQL is missing or does not start.
    pub(crate) async fn start(folder: &Path, scale: f64) -> Result<Self> {
        let made_with = format!("scale {scale}, layout 1");
        let kept = fits(folder, &made_with)?;
        give(folder, USER)?;
        let (data, log) = (folder.join("data"), folder.join("log"));
        if !kept {
            if data.exists() {
                std::fs::remove_dir_all(&data).context("tables that were not finished")?;
            }
            let word = folder.join("password");
            std::fs::write(&word, PASSWORD)?;
            std::os::unix::fs::chown(
                &word,
                Some(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(folder)?)),
                None,
            )?;
            let mut initdb = as_user(&programs()?.join("initdb"), USER)?;
            initdb.current_dir(folder);
            initdb.args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--username=bench",
            ]);
            run(initdb.arg("--pwfile").arg(word).arg("--pgdata").arg(&data))?;
        }
        let port = free_port()?;
        let mut command = as_user(&programs()?.join("postgres"), USER)?;
        command.current_dir(folder).arg("-D").arg(&data).arg("-p").arg(port.to_string());
        let buffers = if scale >= 1.0 { "2GB" } else { "128MB" };
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            &format!("shared_buffers={buffers}"),
            "maintenance_work_mem=512MB",
            "max_wal_size=8GB",
            "checkpoint_timeout=30min",
            // Never in the middle of a measurement.
            "autovacuum=off",
            // The source's durability is not what is measured.
            "fsync=off",
        ] {
            command.args(["-c", setting]);
        }
        let server = Guarded::start(&command, "INT", &log)?;
        let client = connect(port, &server).await.with_context(|| format!("see {}", log.display()))?;
        let version = client.query_one("SHOW server_version", &[]).await?.get(0);
        let source = Self { client, port, server, scale, version };
        if !kept {
            for table in ["lineitem", "orders", "customer"] {
                source.fill(table, table, scale).await?;
            }
            source.settle(&["VACUUM ANALYZE", "CHECKPOINT"]).await?;
            std::fs::write(folder.join("made-with"), made_with)?;
        }
        source.warm(&["lineitem", "orders", "customer"]).await?;
        Ok(source)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://bench:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// Makes `name` with the rows of a TPC-H table, and its primary key.
    async fn fill(&self, name: &str, table: &'static str, scale: f64) -> Result<()> {
        eprintln!("making {name} at scale {scale} in PostgreSQL");
        let definition = tpch::definition(table).replacen(table, name, 1);
        self.client.batch_execute(&format!("DROP TABLE IF EXISTS {name}; {definition}")).await?;
        let copy = format!("COPY {name} FROM STDIN (FORMAT csv)");
        let mut sink = pin!(self.client.copy_in::<_, Cursor<Vec<u8>>>(&copy).await?);
        for chunk in tpch::chunks(table, scale) {
            sink.send(Cursor::new(chunk.into_bytes())).await?;
        }
        sink.as_mut().finish().await?;
        self.client
            .batch_execute(&format!("ALTER TABLE {name} ADD PRIMARY KEY ({})", tpch::key(table)))
            .await?;
        Ok(())
    }

    /// Runs statements one by one: a vacuum must not share a transaction.
    async fn settle(&self, statements: &[&str]) -> Result<()> {
        for statement in statements {
            self.client.batch_execute(statement).await.with_context(|| (*statement).to_owned())?;
        }
        Ok(())
    }

    /// Reads tables once, so that no run is the first to.
    async fn warm(&self, tables: &[&str]) -> Result<()> {
        for table in tables {
            self.facts(table, tpch::amount(table)).await?;
        }
        Ok(())
    }

    /// What a table holds now.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub(crate) async fn facts(&self, table: &str, amount: &str) -> Result<Facts> {
        let sql = format!("SELECT count(*), coalesce(sum({amount}), 0)::text FROM {table}");
        let row = self.client.query_one(&sql, &[]).await?;
        Ok(Facts { rows: u64::try_from(row.get::<_, i64>(0))?, sum: row.get(1) })
    }

    /// Makes a table of orders with an indexed change date, spread over 2024, at `times` the scale.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses.
    pub(crate) async fn make_delta(&self, name: &str, times: f64) -> Result<()> {
        self.fill(name, "orders", self.scale * times).await?;
        self.client
            .batch_execute(&format!(
                "ALTER TABLE {name} ADD updated_at timestamptz;
                 UPDATE {name} SET updated_at = timestamptz '2024-01-01' + o_orderkey * interval '0.1 s';
                 ALTER TABLE {name} ALTER updated_at SET NOT NULL;
                 CREATE INDEX ON {name} (updated_at);"
            ))
            .await?;
        self.settle(&[&format!("VACUUM FULL {name}"), &format!("VACUUM ANALYZE {name}"), "CHECKPOINT"]).await
    }

    /// Changes and adds so many orders, all later than every row before.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses, or another number of rows changed.
    pub(crate) async fn change(&self, table: &str, step: u32, changed: u64, added: u64) -> Result<()> {
        let base = format!("timestamptz '2027-01-01' + {step} * interval '1 day'");
        let update = format!(
            "UPDATE {table} d SET o_totalprice = o_totalprice + 1, o_comment = 'changed in step {step}',
                 updated_at = {base} + x.n * interval '1 microsecond'
             FROM (SELECT o_orderkey, row_number() OVER () AS n FROM
                   (SELECT o_orderkey FROM {table} ORDER BY hashint8(o_orderkey + {step}) LIMIT {changed}) q) x
             WHERE d.o_orderkey = x.o_orderkey"
        );
        let insert = format!(
            "INSERT INTO {table} SELECT (SELECT max(o_orderkey) FROM {table}) + row_number() OVER (), o_custkey,
                 o_orderstatus, o_totalprice, o_orderdate, o_orderpriority, o_clerk, o_shippriority,
                 'added in step {step}', {base} + interval '1 s' + row_number() OVER () * interval '1 microsecond'
             FROM (SELECT * FROM {table} ORDER BY o_orderkey LIMIT {added}) q"
        );
        let rows = self.client.execute(&update, &[]).await? + self.client.execute(&insert, &[]).await?;
        ensure!(rows == changed + added, "{rows} rows of {table} changed instead of {}", changed + added);
        self.settle(&[&format!("ANALYZE {table}"), "CHECKPOINT"]).await
    }

    /// Makes many small tables in the schema `many`: `t1` … with 100 rows each.
    ///
    /// # Errors
    ///
    /// When PostgreSQL refuses.
    pub(crate) async fn make_many(&self, count: usize) -> Result<()> {
        self.client.batch_execute("DROP SCHEMA IF EXISTS many CASCADE; CREATE SCHEMA many").await?;
        // Several transactions: one would need a lock for each table at once.
        for first in (1..=count).step_by(500) {
            let last = count.min(first + 499);
            self.client
                .batch_execute(&format!(
                    "DO $$ BEGIN FOR i IN {first}..{last} LOOP
                         EXECUTE format('CREATE TABLE many.t%s (id integer PRIMARY KEY, name varchar(40) NOT NULL,
                             amount decimal(15,2) NOT NULL, at timestamp NOT NULL)', i);
                         EXECUTE format('INSERT INTO many.t%s SELECT n, ''row '' || n, n + 0.25,
                             timestamp ''2026-01-01'' + n * interval ''1 s'' FROM generate_series(1, 100) n', i);
                     END LOOP; END $$"
                ))
                .await?;
        }
        self.settle(&["ANALYZE", "CHECKPOINT"]).await
    }
}

async fn connect(port: u16, server: &Guarded) -> Result<Client> {
    let begun = Instant::now();
    loop {
        let mut options = tokio_postgres::Config::new();
        options.host("127.0.0.1").port(port).dbname("postgres").user("bench").password(PASSWORD);
        match options.connect(NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(async move { drop(connection.await) });
                return Ok(client);
            }
            Err(error) if server.is_gone() || begun.elapsed() > Duration::from_secs(120) => {
                return Err(error).context("PostgreSQL does not start");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The folder of PostgreSQL's programs; Debian keeps them out of the `PATH`.
fn programs() -> Result<PathBuf> {
    let mut newest: Option<(u32, PathBuf)> = None;
    for entry in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let folder = entry.path().join("bin");
        let Some(version) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if folder.join("initdb").exists() && newest.as_ref().is_none_or(|(known, _)| version > *known) {
            newest = Some((version, folder));
        }
    }
    if let Some((_, folder)) = newest {
        return Ok(folder);
    }
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        if folder.join("initdb").exists() && folder.join("postgres").exists() {
            return Ok(folder);
        }
    }
    bail!("PostgreSQL is missing (initdb and postgres); on Debian: apt-get install postgresql")
}
