//! A headless Chromium. It ends with the test, whatever happens.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Finds what keeps people from using a page.
const AXE: &str = include_str!("axe-core/axe.min.js");
/// The most that anything on a page may take to be there.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of a page as it is sent, with its style sheet and its script, without the editor.
const LARGEST: u64 = 150_000;
/// The widths at which pages must be readable, and heights of such screens.
const SIZES: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// What was measured of each page so far. The file `figures` beside the pictures has the same.
static FIGURES: Mutex<BTreeMap<String, Figures>> = Mutex::new(BTreeMap::new());

/// What was measured of a page.
struct Figures {
    /// As it is sent, with its style sheet and its script, without the editor.
    bytes: u64,
    /// From the beginning of the navigation to the first paint; `None` where the browser tells of none.
    paint_millis: Option<u64>,
}

/// One runs at a time: the tests beside it need the machine, too.
static TURN: Semaphore = Semaphore::const_new(1);

pub(super) struct Browser {
    pub(super) client: Client,
    base: String,
    _driver: Driver,
    _profile: TempDir,
    _turn: SemaphorePermit<'static>,
}

/// The program that drives the browser, with all that it has started.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_raw(self.0.id().cast_signed());
        let killed =
            group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
        if let Some(Err(error)) = killed {
            eprintln!("the browser was not ended: {error}");
        }
        drop(self.0.wait());
    }
}

impl Driver {
    fn start() -> (Self, String) {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.process_group(0).spawn().expect("chromedriver: run scripts/test, which installs it");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let driver = Self(child);
        for line in lines {
            let line = line.unwrap();
            if let Some((_, port)) = line.split_once("was started successfully on port ") {
                let port = port.trim_end_matches('.').to_owned();
                return (driver, format!("http://127.0.0.1:{port}"));
            }
        }
        panic!("chromedriver ended before it listened");
    }
}

impl Browser {
    /// One that leaves every page without being asked.
    pub(super) async fn start(base: &str) -> Self {
        Self::start_with(base, Capabilities::new()).await
    }

    /// One that shows what a page asks whoever is about to leave it.
    pub(super) async fn start_asked(base: &str) -> Self {
        let mut wanted = Capabilities::new();
        wanted.insert("unhandledPromptBehavior".to_owned(), json!({"beforeUnload": "ignore"}));
        // Without it the driver leaves by itself, whatever is said of prompts.
        wanted.insert("webSocketUrl".to_owned(), json!(true));
        Self::start_with(base, wanted).await
    }

    async fn start_with(base: &str, mut wanted: Capabilities) -> Self {
        let turn = TURN.acquire().await.unwrap();
        let (driver, address) = Driver::start();
        let profile = tempfile::Builder::new().prefix("forebay-browser-").tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            folder.as_str(),
        ];
        wanted.insert("goog:chromeOptions".to_owned(), json!({"args": arguments}));
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&address).await.unwrap();
        Self { client, base: base.to_owned(), _driver: driver, _profile: profile, _turn: turn }
    }

    pub(super) async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    pub(super) async fn open_path(&self, path: &str) {
        self.open(&format!("{}{path}", self.base)).await;
    }

    pub(super) async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    pub(super) async fn click(&self, selector: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Presses the button of this text.
    pub(super) async fn press(&self, text: &str) {
        let button = format!(
            "//main//button[normalize-space()='{text}'] | //header//button[normalize-space()='{text}']"
        );
        self.client.find(Locator::XPath(&button)).await.unwrap().click().await.unwrap();
    }

    /// Fills in a field; one for a file with its path.
    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        if field.attr("type").await.unwrap().as_deref() != Some("file") {
            field.clear().await.unwrap();
        }
        field.send_keys(text).await.unwrap();
    }

    /// Waits until a text is to be seen.
    pub(super) async fn sees(&self, text: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let shown = match self.client.find(Locator::Css("body")).await {
                Ok(body) => body.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if shown.contains(text) {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "`{text}` does not come; there is:\n{shown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a condition in the page's own language holds.
    pub(super) async fn until(&self, condition: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.run(&format!("return Boolean({condition})")).await != json!(true) {
            assert!(tokio::time::Instant::now() < until, "`{condition}` does not come true");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page asks something, over all that is on it.
    pub(super) async fn is_asked(&self) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.client.get_alert_text().await.is_err() {
            assert!(tokio::time::Instant::now() < until, "nothing is asked");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Looks at the page as people may: wide, narrow and dark; takes pictures; and measures what was sent.
    pub(super) async fn check(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("pages");
        std::fs::create_dir_all(&folder).unwrap();
        for (width, height) in SIZES {
            self.client.set_window_size(width, height).await.unwrap();
            let picture = self.client.screenshot().await.unwrap();
            std::fs::write(folder.join(format!("{name}-{width}.png")), picture).unwrap();
            // Without the bar that scrolls down, which takes a part of the window.
            let cut = "const root = document.documentElement; return root.scrollWidth - root.clientWidth";
            let cut = self.run(cut).await;
            assert!(cut.as_i64().unwrap() <= 0, "{name} is {cut} wider than {width}");
            self.client.execute(AXE, Vec::new()).await.unwrap();
            let found = self.client.execute_async(
                "const done = arguments[0]; axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})
                 .then(found => done(found.violations.map(fault => [fault.impact, fault.id, fault.nodes.map(node => node.html)])))
                 .catch(error => done([String(error)]))",
                Vec::new(),
            );
            assert_eq!(found.await.unwrap(), json!([]), "{name} at {width}");
        }
        let sent = "return [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
             .filter(entry => new URL(entry.name).pathname !== '/ui/editor.js')
             .reduce((sum, entry) => sum + entry.encodedBodySize, 0)";
        let bytes = self.run(sent).await.as_u64().unwrap();
        assert!(bytes < LARGEST, "{name} takes {bytes} bytes");
        let paint =
            "return performance.getEntriesByName('first-paint').map(paint => Math.round(paint.startTime))[0]";
        let paint_millis = self.run(paint).await.as_u64();
        note(&folder, name, Figures { bytes, paint_millis });
    }

    pub(super) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    pub(super) async fn end(self) {
        tell_slowest();
        self.client.close().await.unwrap();
    }
}

/// Says of which page checked so far the first paint took longest.
fn tell_slowest() {
    let all = FIGURES.lock().unwrap();
    let slowest = all.iter().max_by_key(|(_, figures)| figures.paint_millis);
    if let Some((name, Figures { paint_millis: Some(millis), .. })) = slowest {
        eprintln!("the first paint that took longest so far: {millis} ms, of {name}");
    }
}

/// Keeps what was measured of a page, and writes all of it down.
fn note(folder: &Path, name: &str, figures: Figures) {
    let mut all = FIGURES.lock().unwrap();
    all.insert(name.to_owned(), figures);
    let mut text = "page, bytes, milliseconds to the first paint\n".to_owned();
    for (name, Figures { bytes, paint_millis }) in &*all {
        let paint = paint_millis.map_or_else(|| "unknown".to_owned(), |millis| millis.to_string());
        writeln!(text, "{name}, {bytes}, {paint}").unwrap();
    }
    std::fs::write(folder.join("figures"), text).unwrap();
}
