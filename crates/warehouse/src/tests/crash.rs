//! A process that is killed while it loads leaves old or new rows, never a mix, and a checkpoint that
//! is theirs. The test starts itself again as the process to kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Warehouse, WriteMode};

use super::{Pool, batch, checkpoint, merge, open, spec, table};

/// Says to the child process where its pool is.
const POOL: &str = "FOREBAY_TEST_CRASH_POOL";
const ROWS: i64 = 20_000;

/// What the child does until it is killed: FULL and DELTA in turn. Every round writes its number into
/// every row that it touches, and into the checkpoint.
async fn load_until_killed(dir: &Path) {
    let warehouse = open(dir).unwrap();
    let start = warehouse.checkpoint(&table("t")).await.unwrap();
    let start: i64 = start.map_or(0, |checkpoint| checkpoint.position.parse().unwrap());
    println!("ready");
    for round in start + 1.. {
        let mode = if round % 3 == 1 { WriteMode::Replace } else { merge(&["k"]) };
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
        let rounds: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS).map(|_| round)));
        let rows = batch(vec![("k", keys), ("round", rounds)]);
        let mut load = warehouse.begin_load(spec("t", mode, rows.schema())).await.unwrap();
        for part in 0..4 {
            load.append(rows.slice(part * ROWS as usize / 4, ROWS as usize / 4)).await.unwrap();
        }
        load.commit(ROWS as u64, &checkpoint(&round.to_string()), &Stop::never()).await.unwrap();
        println!("{round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_rows_and_checkpoint_that_agree() {
    if let Ok(dir) = std::env::var(POOL) {
        load_until_killed(Path::new(&dir)).await;
        return;
    }
    let mut pool = Pool::new();
    let mut last = 0;
    for delay in [3, 41, 7, 97, 23, 151] {
        // Opening it waits until every connection is closed, and what has none is closed at once.
        let Pool { warehouse, dir } = pool.reopen();
        drop(warehouse);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "tests::crash::a_killed_process_leaves_rows_and_checkpoint_that_agree",
            ])
            .env(POOL, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let ready = |line: &String| line.ends_with("ready");
        assert!(lines.by_ref().any(|line| ready(&line)), "the child did not begin");
        // Once one round is done, anything may be under way.
        let mut acknowledged: i64 = lines.by_ref().find_map(|line| line.parse().ok()).unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            acknowledged = line.parse().unwrap_or(acknowledged);
        }
        pool = Pool { warehouse: open(dir.path()).unwrap(), dir };
        let point = pool.warehouse.checkpoint(&table("t")).await.unwrap().unwrap();
        let rows = pool.text("SELECT min(round), max(round), count(*), count(DISTINCT k) FROM t").await;
        assert_eq!(rows, [format!("{0}|{0}|{ROWS}|{ROWS}", point.position)]);
        let round: i64 = point.position.parse().unwrap();
        assert!(
            round == acknowledged || round == acknowledged + 1,
            "{acknowledged} was acknowledged, {round} is there"
        );
        assert!(round > last);
        last = round;
        let left = pool.own("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%staging%'").await;
        assert_eq!(left, ["0"], "staging tables are left");
    }
}
