//! A real MariaDB for tests: a server of its own for each test process, a database for each test.
//!
//! As with PostgreSQL's, a shell stands between the tests and the server. It waits on a pipe that the test process
//! holds, so however that process ends, the pipe closes, the shell ends the server and removes its folder. Other
//! crates include this file with `#[path]`, so it needs nothing but the standard library, tokio and tempfile.
#![allow(dead_code, reason = "each test crate that includes this file uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

static SHARED: OnceCell<MariadbServer> = OnceCell::const_new();

/// How long a server may take to start; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// Odd on purpose: what a connection does not set for itself would show.
const SETTINGS: [&str; 13] = [
    "bind-address=127.0.0.1",
    "skip-name-resolve",
    "skip-log-bin",
    "innodb-buffer-pool-size=64M",
    "innodb-log-file-size=32M",
    "innodb-flush-log-at-trx-commit=0",
    "innodb-fast-shutdown=2",
    "default-time-zone=+05:45",
    "character-set-server=latin1",
    "max-statement-time=30",
    "sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT",
    "max-allowed-packet=64M",
    "max-connections=100",
];

/// `$1` is the folder to remove at the end, the rest the server's command.
const WATCHER: &str = r#"trap '' HUP INT TERM
folder=$1
shift
"$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
read -r _
kill -s KILL "$server"
wait "$server"
rm -rf "$folder""#;

/// A running server.
pub(crate) struct MariadbServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// A user that may do everything.
    pub(crate) user: String,
    pub(crate) password: String,
    folder: PathBuf,
    watcher: Option<Child>,
}

impl MariadbServer {
    /// The server that the tests of this process share.
    pub(crate) async fn shared() -> &'static Self {
        SHARED.get_or_init(|| async { Self::start(&[], &[]).await }).await
    }

    /// A server of the caller's own, with more settings, and files in its data folder. It ends when the value is
    /// dropped.
    pub(crate) async fn start(settings: &[&str], files: &[(&str, &str)]) -> Self {
        let folder =
            tempfile::Builder::new().prefix("forebay-mariadb-").tempdir().expect("a temporary folder");
        // The watcher removes it: a temporary folder in a static is never dropped.
        let folder = folder.keep();
        let mut server = Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            user: "forebay".to_owned(),
            // Unlike every other server's, so that no test talks to a stranger.
            password: format!("it's \"{}\"", folder.display()),
            folder,
            watcher: None,
        };
        server.initialise();
        for (name, text) in files {
            fs::write(server.data().join(name), text).expect("a file in the data folder");
        }
        if is_root() {
            run(Command::new("chown").args(["-R", "nobody:"]).arg(&server.folder));
        }
        server.resume(settings).await;
        server
    }

    fn initialise(&self) {
        if is_root() {
            run(Command::new("chown").arg("nobody:").arg(&self.folder));
        }
        let mut install = Command::new("mariadb-install-db");
        install.arg("--no-defaults").arg(format!("--datadir={}", self.data().display()));
        // Two servers at once would meet in the shared one.
        install.arg(format!("--tmpdir={}", self.folder.display()));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.args(["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=32M"]);
        if is_root() {
            install.arg("--user=nobody");
        }
        run(install.stdin(Stdio::null()));
    }

    /// Starts the server on whatever port is free.
    async fn resume(&mut self, settings: &[&str]) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.port = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("a free port")
                .port();
            self.watcher = Some(self.watched(settings));
            while began.elapsed() < PATIENCE {
                if self.answers() {
                    let (user, word) = (&self.user, self.password.replace('\'', "''"));
                    self.run(&format!(
                        "CREATE USER {user}@'127.0.0.1' IDENTIFIED BY '{word}'; \
                         GRANT ALL ON *.* TO {user}@'127.0.0.1' WITH GRANT OPTION"
                    ));
                    return;
                }
                let log = self.log();
                if log.contains("Can't start server: Bind on TCP/IP port") {
                    break; // Someone else took the port: try another.
                }
                assert!(!log.contains("[ERROR] Aborting"), "MariaDB cannot start:\n{log}");
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            self.stop();
        }
        panic!("MariaDB did not start within {PATIENCE:?}; its log says:\n{}", self.log());
    }

    fn answers(&self) -> bool {
        let mut client = self.client();
        client.args(["-e", "SELECT 1"]).stdin(Stdio::null());
        client.output().is_ok_and(|output| output.status.success())
    }

    fn stop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            drop(watcher.stdin.take());
            drop(watcher.wait());
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The client program as root, without a database.
    fn client(&self) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--unbuffered", "--user=root"]);
        client.args(["--default-character-set=utf8mb4", "--init-command=SET sql_mode = ''"]);
        client.arg(format!("--socket={}", self.socket().display()));
        client
    }

    /// Runs statements as root and gives what they say.
    pub(crate) fn run(&self, sql: &str) -> String {
        said(&mut self.client(), sql)
    }

    /// Makes a database and says how to reach it.
    pub(crate) fn database(&self, name: &str) -> Database<'_> {
        self.run(&format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4"));
        Database { server: self, name: name.to_owned() }
    }

    /// The server's process, and the shell that ends it.
    fn watched(&self, settings: &[&str]) -> Child {
        let mut watcher = Command::new("sh");
        watcher.arg("-c").arg(WATCHER).arg("watcher").arg(&self.folder).arg(server_program());
        watcher.arg("--no-defaults").arg(format!("--datadir={}", self.data().display()));
        watcher.arg(format!("--socket={}", self.socket().display()));
        watcher.arg(format!("--pid-file={}", self.folder.join("pid").display()));
        watcher.arg(format!("--tmpdir={}", self.folder.display()));
        watcher.arg(format!("--port={}", self.port));
        for setting in SETTINGS.iter().chain(settings) {
            watcher.arg(format!("--{setting}"));
        }
        if is_root() {
            watcher.arg("--user=nobody");
        }
        // A group of its own: an interrupt of the terminal reaches the tests alone.
        watcher.process_group(0).current_dir(&self.folder);
        watcher.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        watcher.spawn().expect("a shell")
    }
}

impl Drop for MariadbServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One database of a server.
pub(crate) struct Database<'a> {
    pub(crate) server: &'a MariadbServer,
    pub(crate) name: String,
}

impl Database<'_> {
    /// Runs statements as root and gives what they say.
    pub(crate) fn run(&self, sql: &str) -> String {
        said(self.server.client().arg(&self.name), sql)
    }

    /// A connection that stays open, as root.
    pub(crate) fn session(&self) -> Session {
        let mut client = self.server.client();
        client.arg(&self.name).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = client.spawn().expect("the program mariadb");
        let input = client.stdin.take().expect("its input");
        let output = BufReader::new(client.stdout.take().expect("its output"));
        Session { client, input: Some(input), output }
    }
}

/// A connection of the client program, which keeps its transaction open between statements.
pub(crate) struct Session {
    client: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Runs statements and waits for their end.
    pub(crate) fn run(&mut self, sql: &str) {
        self.begin(&format!("{sql}; SELECT 'done so far'"));
        let mut line = String::new();
        while line.trim_end() != "done so far" {
            line.clear();
            let read = self.output.read_line(&mut line).expect("what the client says");
            assert!(read > 0, "the client ended at: {sql}");
        }
    }

    /// Starts statements, and does not wait.
    pub(crate) fn begin(&mut self, sql: &str) {
        let input = self.input.as_mut().expect("a client that runs");
        writeln!(input, "{sql};").expect("a client that listens");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.client.kill());
        drop(self.client.wait());
    }
}

fn said(client: &mut Command, sql: &str) -> String {
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().expect("the program mariadb");
    let mut input = child.stdin.take().expect("its input");
    let sql_too = sql.to_owned();
    let writer = std::thread::spawn(move || drop(input.write_all(sql_too.as_bytes())));
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("a client that listens");
    let shown: String = sql.chars().take(500).collect();
    assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
}

/// The server's program; Debian keeps it where only root looks.
fn server_program() -> PathBuf {
    let found = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("mariadbd"))
        .find(|program| program.exists());
    match found {
        Some(program) => program,
        None => panic!(
            "these tests need MariaDB (mariadbd, in the PATH or in /usr/sbin); run scripts/test, which installs it"
        ),
    }
}

/// MariaDB does not run as root; Debian's package has a user for it.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
