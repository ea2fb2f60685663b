//! A real PostgreSQL for tests: a server of its own for each test process, a database for each test.
//!
//! A shell stands between the tests and the server. It waits on a pipe that the test process holds,
//! so however that process ends (well, by a panic, killed), the pipe closes, the shell ends the
//! server and removes its folder. Other crates include this file with `#[path]`, so it needs nothing
//! but the standard library, tokio, tokio-postgres and tempfile.
#![allow(dead_code, reason = "each test crate that includes this file uses a part of it")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();

/// How long a server may take to start; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// What every server runs with: fast, reachable by TCP alone, and quiet unless a test writes.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("max_connections", "100"),
    ("max_prepared_transactions", "20"),
    ("shared_buffers", "64MB"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("timezone", "Asia/Kathmandu"),
    ("log_timezone", "UTC"),
];

/// `$1` is the folder to remove at the end, the rest the server's command. A signal's name on the
/// pipe stops the server with it and keeps the folder.
const WATCHER: &str = r#"trap '' HUP INT TERM
folder=$1
shift
"$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
if read -r signal; then
  kill -s "$signal" "$server"
  wait "$server"
else
  kill -s QUIT "$server"
  wait "$server"
  rm -rf "$folder"
fi"#;

/// What a server of a test's own has beyond the usual.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Settings of `postgresql.conf`.
    pub(crate) settings: &'a [(&'a str, &'a str)],
    /// Files of the data folder, by name; read by the server's user alone.
    pub(crate) files: &'a [(&'a str, &'a str)],
    /// A data folder to take instead of a new one: the backup of another server.
    pub(crate) backup_of: Option<&'a PostgresServer>,
}

/// A running server.
pub(crate) struct PostgresServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// A superuser.
    pub(crate) user: String,
    pub(crate) password: String,
    folder: PathBuf,
    owner: Option<Owner>,
    settings: Vec<(String, String)>,
    watcher: Option<Child>,
}

/// One database of a server.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
}

/// The user that runs the server when root runs the tests, which PostgreSQL refuses.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl PostgresServer {
    /// The server that the tests of this process share.
    pub(crate) async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::start(Setup::default())).await
    }

    /// A server of the caller's own. It ends when the value is dropped.
    pub(crate) async fn start(setup: Setup<'_>) -> Self {
        let folder =
            tempfile::Builder::new().prefix("forebay-postgres-").tempdir().expect("a temporary folder");
        // The watcher removes it: a temporary folder in a static is never dropped.
        let folder = folder.keep();
        let owner = owner();
        give(&folder, owner);
        let (user, password) = match setup.backup_of {
            Some(primary) => (primary.user.clone(), primary.password.clone()),
            // Unlike every other server's, so that no test talks to a stranger.
            None => ("forebay".to_owned(), format!("it's \"{}\"", folder.display())),
        };
        let mut settings = Vec::new();
        for (name, value) in SETTINGS.iter().chain(setup.settings) {
            settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        let mut server = Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            user,
            password,
            folder,
            owner,
            settings,
            watcher: None,
        };
        match setup.backup_of {
            Some(primary) => server.back_up(primary),
            None => server.initialise(),
        }
        for (name, text) in setup.files {
            let path = server.data().join(name);
            fs::write(&path, text).expect("a file in the data folder");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file's mode");
            give(&path, owner);
        }
        server.resume().await;
        server
    }

    /// Makes a database and says how to reach it.
    pub(crate) async fn database(&self, name: &str) -> Database {
        let database = self.at("postgres");
        database
            .client()
            .await
            .batch_execute(&format!("CREATE DATABASE \"{name}\""))
            .await
            .expect("a new database");
        self.at(name)
    }

    /// How to reach a database that is there.
    pub(crate) fn at(&self, name: &str) -> Database {
        Database {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password: self.password.clone(),
            database: name.to_owned(),
        }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Stops the server by a signal (`INT` in good order, `QUIT` as a crash) and waits for its end.
    pub(crate) fn stop(&mut self, signal: &str) {
        let mut watcher = self.watcher.take().expect("a server that runs");
        let mut pipe = watcher.stdin.take().expect("the watcher's pipe");
        writeln!(pipe, "{signal}").expect("a watcher that listens");
        watcher.wait().expect("the watcher's end");
    }

    /// Starts the server again, or for the first time, on whatever port is free.
    pub(crate) async fn resume(&mut self) {
        assert!(self.watcher.is_none(), "the server runs already");
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let log_begins = self.log().len();
            self.port = free_port();
            self.watcher = Some(self.watched());
            while began.elapsed() < PATIENCE {
                if self.at("postgres").connect().await.is_ok() {
                    return;
                }
                let log = self.log().split_off(log_begins);
                if log.contains("could not bind") {
                    break; // Someone else took the port: try another.
                }
                assert!(
                    !log.contains("FATAL:  could not") && !log.contains("PANIC"),
                    "PostgreSQL cannot start:\n{log}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.stop("KILL");
        }
        panic!("PostgreSQL did not start within {PATIENCE:?}; its log says:\n{}", self.log());
    }

    /// What the server wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn initialise(&self) {
        let word = self.folder.join("password");
        fs::write(&word, &self.password).expect("the password's file");
        give(&word, self.owner);
        let mut initdb = self.program("initdb");
        initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--username"]);
        initdb.arg(&self.user).arg("--pwfile").arg(word).arg("--pgdata").arg(self.data());
        run(&mut initdb);
    }

    /// Takes a copy of a running server that goes on following it.
    fn back_up(&self, primary: &Self) {
        let mut backup = self.program("pg_basebackup");
        backup.env("PGPASSWORD", &primary.password).args([
            "--checkpoint=fast",
            "--no-sync",
            "--write-recovery-conf",
        ]);
        backup.args(["--host", &primary.host, "--username", &primary.user, "--no-password"]);
        backup.arg("--port").arg(primary.port.to_string()).arg("--pgdata").arg(self.data());
        run(&mut backup);
    }

    /// The server's process, and the shell that ends it.
    fn watched(&self) -> Child {
        let mut watcher = Command::new("sh");
        watcher.arg("-c").arg(WATCHER).arg("watcher").arg(&self.folder);
        let server = self.program("postgres");
        watcher.arg(server.get_program()).args(server.get_args());
        watcher.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        for (name, value) in &self.settings {
            watcher.arg("-c").arg(format!("{name}={value}"));
        }
        // A group of its own: an interrupt of the terminal reaches the tests alone.
        watcher.process_group(0).current_dir(&self.folder);
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        watcher.spawn().expect("a shell")
    }

    /// A program of PostgreSQL, as a user that it takes.
    fn program(&self, name: &str) -> Command {
        let path = programs().join(name);
        let mut command = match self.owner {
            None => Command::new(path),
            Some(owner) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={}", owner.user)).arg(format!("--regid={}", owner.group));
                command.arg("--clear-groups").arg(path);
                command
            }
        };
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            drop(watcher.wait());
        } else {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

impl Database {
    /// A connection for SQL.
    pub(crate) async fn client(&self) -> Client {
        self.connect().await.expect("a connection to the test's own server")
    }

    /// The same database for another user.
    pub(crate) fn as_user(&self, user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), ..self.clone() }
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let mut options = tokio_postgres::Config::new();
        options.host(&self.host).port(self.port).dbname(&self.database);
        options.user(&self.user).password(&self.password).connect_timeout(PATIENCE);
        let (client, connection) = options.connect(NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

/// The folder of PostgreSQL's programs; Debian keeps them out of the `PATH`.
fn programs() -> PathBuf {
    let whole = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        if whole(&folder) {
            // The other programs lie where a link leads.
            let postgres = fs::canonicalize(folder.join("postgres")).expect("a program that is there");
            return postgres.parent().map_or(folder, Path::to_owned);
        }
    }
    let mut newest: Option<(u32, PathBuf)> = None;
    for entry in fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let folder = entry.path().join("bin");
        let Some(version) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if whole(&folder) && newest.as_ref().is_none_or(|(known, _)| version > *known) {
            newest = Some((version, folder));
        }
    }
    match newest {
        Some((_, folder)) => folder,
        None => panic!(
            "these tests need PostgreSQL (initdb and postgres, in the PATH or below /usr/lib/postgresql); run \
             scripts/test, which installs it"
        ),
    }
}

/// Who is to run the server; `None` when the user of the tests may.
fn owner() -> Option<Owner> {
    let id = |of: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(of).output().expect("the program id");
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    for name in ["postgres", "nobody"] {
        if let (Some(user), Some(group)) = (id(&["-u", name]), id(&["-g", name])) {
            return Some(Owner { user, group });
        }
    }
    panic!("PostgreSQL does not run as root, and there is no user postgres or nobody to run it");
}

fn give(path: &Path, owner: Option<Owner>) {
    if let Some(owner) = owner {
        chown(path, Some(owner.user), Some(owner.group)).expect("a file given to the server's user");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program of PostgreSQL");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
