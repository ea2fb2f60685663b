//! A log of commits that cannot be read is moved aside, never thrown away and never the end of the pool.
//! The logs are real: a child process commits and is killed, and its files are damaged.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use forebay_core::stop::Stop;
use forebay_core::warehouse::{Warehouse, WarehouseErrorKind};
use tempfile::TempDir;

use super::{Pool, claim, open, schema};
use crate::damages;
use crate::wal::{Log, look};

/// Says to the child process where its pool is.
const POOL: &str = "FOREBAY_TEST_DAMAGED_POOL";
/// How many tables the child makes, each in a commit of its own.
const TABLES: usize = 8;

async fn commit_until_killed(dir: &Path) {
    let warehouse = open(dir).unwrap();
    for number in 0..TABLES {
        let mut transaction = warehouse.begin(&[schema()], claim()).await.unwrap();
        let sql = format!("CREATE TABLE t{number} AS SELECT range AS a FROM range({})", 500 + number);
        transaction.execute(&sql, &Stop::never()).await.unwrap();
        transaction.commit().await.unwrap();
    }
    println!("ready");
    std::future::pending::<()>().await;
}

/// The folder of a pool whose process was killed after all commits, none of them in the file.
struct Killed {
    dir: TempDir,
    /// Where each commit ends in the log.
    ends: Vec<u64>,
}

impl Killed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // An empty pool: what comes after it is in the log alone.
        let pool = Pool { warehouse: open(dir.path()).unwrap(), dir };
        let Pool { warehouse, dir } = pool;
        drop(warehouse);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "tests::damage::commits_are_made_until_the_process_is_killed"])
            .env(POOL, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with("ready")), "the child did not commit");
        child.kill().unwrap();
        child.wait().unwrap();
        let mut killed = Self { dir, ends: Vec::new() };
        let log = fs::read(killed.log()).unwrap();
        let end = [100, 0, 100, 0xff, 0xff];
        killed.ends = (0..log.len())
            .filter(|at| log[*at..].starts_with(&end) && log[..*at].ends_with(&log[at - 16..*at]))
            .filter(|at| log[at - 16..at - 8] == 5_u64.to_le_bytes())
            .map(|at| at as u64 + 5)
            .collect();
        assert!(killed.ends.len() >= TABLES, "{:?}", killed.ends);
        assert_eq!(killed.ends.last(), Some(&(log.len() as u64)));
        killed
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("pool.duckdb.wal")
    }

    /// Changes the log, opens the pool, and gives the tables that are there and what was moved aside.
    async fn opened_after(self, change: impl FnOnce(&mut Vec<u8>, &[u64])) -> (Vec<String>, Option<Vec<u8>>) {
        let mut log = fs::read(self.log()).unwrap();
        change(&mut log, &self.ends);
        fs::write(self.log(), &log).unwrap();
        let warehouse = open(self.dir.path()).unwrap();
        let found = damages(self.dir.path()).unwrap();
        assert!(found.len() < 2, "{found:?}");
        let aside = found.first().map(|damage| {
            assert_eq!(damage.quarantined.len(), 1);
            // The log began after the pool was made, and before now.
            let made = self.dir.path().metadata().unwrap().created().unwrap();
            let made = made.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
            assert!(damage.last_good.as_millis() >= made, "{damage:?}, made {made}");
            let name = damage.quarantined[0].file_name().unwrap().to_str().unwrap().to_owned();
            assert!(name.starts_with("pool.duckdb.wal.damaged-20") && name.ends_with('Z'), "{name}");
            fs::read(&damage.quarantined[0]).unwrap()
        });
        if let Some(aside) = &aside {
            assert_eq!(*aside, log, "what is moved aside is the log as it was");
        }
        let pool = Pool { warehouse, dir: self.dir };
        let tables =
            pool.own("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 't%' ORDER BY 1").await;
        for table in &tables {
            let number: usize = table[1..].parse().unwrap();
            assert_eq!(
                pool.text(&format!("SELECT count(*) FROM {table}")).await,
                [(500 + number).to_string()]
            );
        }
        // It works on, and the next opening finds nothing.
        pool.execute(&["CREATE TABLE later AS SELECT 1 AS a"]).await.unwrap();
        let pool = pool.reopen();
        assert_eq!(pool.text("SELECT a FROM later").await, ["1"]);
        (tables, aside)
    }
}

/// Finds a byte, by the ends of the commits and how many of these the pool's making took, and what to flip.
type Flip = fn(&[u64], usize) -> (usize, u8);

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("t{number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_made_until_the_process_is_killed() {
    if let Ok(dir) = std::env::var(POOL) {
        commit_until_killed(Path::new(&dir)).await;
    }
    let killed = Killed::new();
    assert_eq!(look(&killed.log()).unwrap(), Log::Whole);
    let (tables, aside) = killed.opened_after(|_, _| {}).await;
    assert_eq!((tables, aside), (names(TABLES), None));
}

/// The last commit was not acknowledged: it is as if it had never begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_is_cut_and_no_damage() {
    for cut in [1, 7, 20, 300] {
        let change = move |log: &mut Vec<u8>, _: &[u64]| log.truncate(log.len() - cut);
        let (tables, aside) = Killed::new().opened_after(change).await;
        assert_eq!((tables, aside), (names(TABLES - 1), None), "{cut} bytes are cut off");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_loses_no_commit_before_it_and_none_in_silence() {
    let commits = |ends: &[u64]| ends.len() - TABLES;
    let flips: [Flip; 5] = [
        // The highest byte of the length of the first entry after a commit: the engine takes it for a torn end.
        |ends, commits| (ends[commits + 2] as usize + 7, 0x40),
        // The lowest byte of it.
        |ends, commits| (ends[commits + 2] as usize, 0x01),
        // The checksum.
        |ends, commits| (ends[commits + 2] as usize + 9, 0x10),
        // What the entry says.
        |ends, commits| (ends[commits + 2] as usize + 20, 0x04),
        // The end of the commit itself.
        |ends, commits| (ends[commits + 3] as usize - 2, 0x80),
    ];
    for (number, flip) in flips.into_iter().enumerate() {
        let change = move |log: &mut Vec<u8>, ends: &[u64]| {
            let (at, mask) = flip(ends, commits(ends));
            log[at] ^= mask;
        };
        let (tables, aside) = Killed::new().opened_after(change).await;
        assert!(aside.is_some(), "flip {number} is told");
        assert_eq!(tables, names(3), "flip {number}: the commits before it are there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_last_commit_is_told_too() {
    for back in [21, 14, 13, 6, 3, 1] {
        let change = move |log: &mut Vec<u8>, _: &[u64]| {
            let at = log.len() - back;
            log[at] ^= 0x20;
        };
        let (tables, aside) = Killed::new().opened_after(change).await;
        assert!(aside.is_some(), "a flip {back} bytes before the end is told");
        assert_eq!(tables, names(TABLES - 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_garbage_is_moved_aside() {
    let garbage: [fn(&mut Vec<u8>); 4] = [
        |log| log.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31).wrapping_add(7)),
        |log| log.fill(0),
        |log| *log = b"this is no log".to_vec(),
        |log| log[5] = 1,
    ];
    for change in garbage {
        let (tables, aside) = Killed::new().opened_after(|log, _| change(log)).await;
        assert!(aside.is_some());
        assert_eq!(tables, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_pool_is_moved_aside() {
    let other = fs::read(Killed::new().log()).unwrap();
    let (tables, aside) = Killed::new().opened_after(|log, _| *log = other).await;
    assert!(aside.is_some());
    assert_eq!(tables, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pools_own_file_that_is_damaged_is_left_alone_and_named() {
    let changes: [fn(&mut Vec<u8>); 3] = [
        |file| file[..64].fill(7),
        // Both headers, so that neither is left to go by.
        |file| (4096..12_288).for_each(|at| file[at] ^= 0x55),
        |file| file.truncate(5000),
    ];
    for change in changes {
        let killed = Killed::new();
        let path = killed.dir.path().join("pool.duckdb");
        let mut file = fs::read(&path).unwrap();
        change(&mut file);
        fs::write(&path, &file).unwrap();
        let log = fs::read(killed.log()).unwrap();
        let error = open(killed.dir.path()).err().expect("it cannot be opened");
        assert_eq!(error.kind, WarehouseErrorKind::Unavailable, "{error}");
        assert!(
            error.message.contains("pool.duckdb is damaged") && error.message.contains("backup"),
            "{error}"
        );
        assert_eq!(fs::read(killed.log()).unwrap(), log, "the log is where it was");
        assert_eq!(fs::read(&path).unwrap(), file, "and so is the file");
    }
}
