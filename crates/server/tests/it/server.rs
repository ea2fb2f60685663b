//! A real server for one test: the built binary on a free port, with a data folder of its own. It
//! ends with the test, whatever happens.
#![allow(dead_code, reason = "each test program that includes this file uses a part of it")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Base, Client};

/// The built binary.
pub(crate) const FOREBAY: &str = env!("CARGO_BIN_EXE_forebay");
/// The most that starting or ending a process may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a server and sends it the signals that come on its standard input. However the test process
/// ends, that pipe closes, and the server is killed.
const WATCHER: &str = r#""$@" </dev/null &
server=$!
exec >&-
while read -r signal; do kill -s "$signal" "$server"; done
kill -s KILL "$server" 2>/dev/null
wait "$server"
"#;

/// A server process with its folder. `kill` and `restart` keep the folder.
pub(crate) struct Server {
    dir: TempDir,
    arguments: Vec<String>,
    /// A program, with its arguments, that the server is started by.
    starter: Vec<String>,
    environment: Vec<(&'static str, String)>,
    admin_key: String,
    base: Base,
    process: Option<Process>,
}

/// The watcher of a server that runs.
struct Process {
    watcher: Child,
    signals: ChildStdin,
    /// Closed when the server has ended.
    lines: Receiver<String>,
}

/// The command with nothing of the test's own environment in it.
pub(crate) fn forebay() -> Command {
    let mut command = Command::new(FOREBAY);
    for name in [
        "FOREBAY_URL",
        "FOREBAY_TOKEN",
        "FOREBAY_DATA_DIR",
        "FOREBAY_LISTEN",
        "FOREBAY_FILE_ROOT",
        "FOREBAY_FAULT",
        "RUST_LOG",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

impl Server {
    /// A new server with one administrator. It may read files below [`Server::files`].
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// As `start`, with more arguments for `forebay serve`.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::prepare(arguments);
        server.restart();
        server
    }

    /// As `start_with`, but the first start is left to the caller.
    pub(crate) fn prepare(arguments: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("forebay-test-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        let mut init = forebay();
        init.arg("init").arg("--data-dir").arg(dir.path().join("data")).arg("--json");
        let made = init.output().unwrap();
        assert!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        Self {
            dir,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            starter: Vec::new(),
            environment: Vec::new(),
            admin_key: made["adminApiKey"].as_str().unwrap().to_owned(),
            base: Base::default(),
            process: None,
        }
    }

    /// A server on the data folder that `forebay restore` makes of a backup.
    pub(crate) fn restored(backup: &str, admin_key: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("forebay-test-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        let mut restore = forebay();
        restore.arg("restore").arg(backup).arg("--data-dir").arg(dir.path().join("data"));
        let made = restore.output().unwrap();
        assert!(made.status.success(), "restore: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self {
            dir,
            arguments: Vec::new(),
            starter: Vec::new(),
            environment: Vec::new(),
            admin_key: admin_key.to_owned(),
            base: Base::default(),
            process: None,
        };
        server.restart();
        server
    }

    /// Sets a variable for the next starts, or takes it away.
    pub(crate) fn set_variable(&mut self, name: &'static str, value: Option<&str>) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.extend(value.map(|value| (name, value.to_owned())));
    }

    /// Has the next starts done by a program: the server's own command line follows its arguments.
    pub(crate) fn set_starter(&mut self, starter: &[&str]) {
        self.starter = starter.iter().map(|word| (*word).to_owned()).collect();
    }

    /// What the process and its workers wrote so far, over all starts.
    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// The folder that connections may read.
    pub(crate) fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn url(&self) -> String {
        self.base.get()
    }

    pub(crate) fn admin_key(&self) -> &str {
        &self.admin_key
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    /// Starts the process on the same folder, and waits until it listens. Clients that were made
    /// before follow to the new address.
    pub(crate) fn restart(&mut self) {
        assert!(self.try_restart(), "the server ended before it listened");
    }

    /// As `restart`; `false` when the process ended before it listened.
    pub(crate) fn try_restart(&mut self) -> bool {
        self.begin();
        let begins = "Forebay listens on ";
        let process = self.process.as_ref().expect("it was begun");
        loop {
            match process.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with(begins) => {
                    self.base.set(line[begins.len()..].trim().to_owned());
                    return true;
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("the server does not listen within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    self.kill();
                    return false;
                }
            }
        }
    }

    /// Starts the process and waits for nothing.
    pub(crate) fn begin(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let mut command = serve(&self.data());
        command.arg("--file-root").arg(self.files()).args(&self.arguments);
        let mut command = started_by(&self.starter, command);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        self.process = Some(Process::start(&command, log));
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.end();
        }
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the server runs");
        writeln!(process.signals, "TERM").unwrap();
        loop {
            match process.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return process.end(),
                Err(RecvTimeoutError::Timeout) => {
                    process.end();
                    panic!("the server does not end when it is asked to");
                }
            }
        }
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.base.clone(), None)
    }

    pub(crate) fn admin(&self) -> Client {
        self.bearer(&self.admin_key)
    }

    pub(crate) fn bearer(&self, key: &str) -> Client {
        self.with_authorization(&format!("Bearer {key}"))
    }

    pub(crate) fn with_authorization(&self, header: &str) -> Client {
        Client::new(self.base.clone(), Some(header.to_owned()))
    }

    /// A new user with these permissions on a pool.
    pub(crate) async fn member(&self, pool: &str, permissions: &[&str]) -> Client {
        let admin = self.admin();
        let name = [&["Member"], permissions].concat().join(" ");
        let user = json!({"name": name});
        let user = admin.post("/forebay/api/v1/users", &user).await.ok();
        let subject = json!({"type": "USER", "id": user["id"]});
        self.granted(&admin, &subject, pool, permissions).await
    }

    /// A new application with these permissions on a pool.
    pub(crate) async fn application(&self, pool: &str, permissions: &[&str]) -> Client {
        let admin = self.admin();
        let name = [&["Application"], permissions].concat().join(" ");
        let application = json!({"name": name});
        let application = admin.post("/forebay/api/v1/applications", &application).await.ok();
        let subject = json!({"type": "APPLICATION", "id": application["id"]});
        self.granted(&admin, &subject, pool, permissions).await
    }

    async fn granted(&self, admin: &Client, subject: &Value, pool: &str, permissions: &[&str]) -> Client {
        if !permissions.is_empty() {
            let grant = json!({"subject": subject, "permissions": permissions});
            admin.put(&format!("/forebay/api/v1/pools/{pool}/grants"), &grant).await.ok();
        }
        let key = json!({"name": "Test", "owner": subject});
        let key = admin.post("/forebay/api/v1/keys", &key).await.ok();
        let (prefix, secret) = (key["prefix"].as_str().unwrap(), key["key"].as_str().unwrap());
        self.with_authorization(&format!("{prefix} {secret}"))
    }
}

/// The same command, run by another program.
fn started_by(starter: &[String], command: Command) -> Command {
    let [program, arguments @ ..] = starter else { return command };
    let mut started = Command::new(program);
    started.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => started.env(name, value),
            None => started.env_remove(name),
        };
    }
    started
}

/// `forebay serve` on a free port.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = forebay();
    command.arg("serve").arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0"]);
    command
}

impl Process {
    fn start(command: &Command, log: File) -> Self {
        let mut watcher = Command::new("sh");
        watcher.arg("-c").arg(WATCHER).arg("watcher").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => watcher.env(name, value),
                None => watcher.env_remove(name),
            };
        }
        // A group of its own: an interrupt of the terminal reaches the tests alone.
        watcher.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut watcher = watcher.spawn().unwrap();
        let signals = watcher.stdin.take().unwrap();
        let output = BufReader::new(watcher.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Reads to the end of the server, which a full pipe would stop.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        Self { watcher, signals, lines }
    }

    /// Kills the server if it still runs, and gives what it ended with.
    fn end(self) -> ExitStatus {
        let Self { mut watcher, signals, .. } = self;
        drop(signals);
        watcher.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            eprintln!("the server's log ends with:\n{}", last.join("\n"));
        }
    }
}
