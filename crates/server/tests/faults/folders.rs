//! F11, F14 and F15: a data folder in which something is damaged, in the way, or open already.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::oracle;
use crate::rounds::{Round, Rounds};
use crate::server::{forebay, serve};
use crate::stage::{RECOVERED_WITHIN, Stage, eventually, names};

/// What happens to the log of a pool's engine.
const DAMAGES: [&str; 3] = ["a flipped byte", "a torn end", "garbage"];
pub(crate) const WAYS: usize = DAMAGES.len();

fn damage(log: &Path, how: &str, round: &mut Round) {
    let mut bytes = std::fs::read(log).expect("the engine's log");
    let length = bytes.len();
    match how {
        "a flipped byte" => {
            let place = length / 4 + round.random.below(length as u64 / 2) as usize;
            bytes[place] ^= 1 << round.random.below(8);
        }
        "a torn end" => bytes.truncate(length / 2 + round.random.below(length as u64 / 4) as usize),
        _ => bytes.iter_mut().for_each(|byte| *byte = round.random.next() as u8),
    }
    std::fs::write(log, bytes).expect("the damaged log");
}

/// F11: the log of a pool's engine is damaged while nobody runs. The pool opens in a good state, what was put
/// aside is named, and checkpoint and rows agree: the next DELTA brings what is missing.
///
/// A log that was cut short cannot be told from one whose end was never acknowledged, so nothing is put aside then.
pub(crate) async fn damaged_log(rounds: Rounds) {
    while let Some(mut round) = rounds.next() {
        let how = DAMAGES[round.number % DAMAGES.len()];
        let told = format!("{how} in the engine's log");
        let mut stage = Stage::new(&[], 2_000).await;
        stage.run("FULL", "at first").await;
        let first = stage.data.expected();
        // An orderly end writes the log into the file.
        assert!(stage.server.terminate().success(), "an orderly end");
        stage.server.restart();
        stage.data.change_some().await;
        let acknowledged = stage.run("DELTA", "acknowledged").await.id();
        let second = stage.data.expected();
        stage.server.kill();
        let log = stage.pool_folder().join("pool.duckdb.wal");
        // The worker that wrote it notices that its server is gone.
        eventually("the worker to end", RECOVERED_WITHIN, async || {
            crate::processes::workers(&stage.server.data()).is_empty()
        })
        .await;
        assert!(log.exists(), "{told}: the engine left no log to damage");
        damage(&log, how, &mut round);
        let begun = Instant::now();
        stage.server.restart();
        let held = stage.held().await;
        let recovery = begun.elapsed();
        let is_old = match oracle::one_of(&[("old".to_owned(), &first), ("new".to_owned(), &second)], &held) {
            Ok(place) => place == 0,
            Err(findings) => panic!("{told}: {findings:?}"),
        };
        let put_aside: Vec<String> =
            names(&stage.pool_folder()).into_iter().filter(|name| name.contains("damaged")).collect();
        if is_old && how != "a torn end" {
            assert!(!put_aside.is_empty(), "{told}: acknowledged rows are gone, and no log was put aside");
            let log = stage.server.log_text();
            let names_it = |line: &str| put_aside.iter().any(|name| line.contains(name));
            let says = log.lines().any(|line| line.contains("damaged") && names_it(line));
            assert!(says, "{told}: the server's log does not name what was put aside: {put_aside:?}");
        }
        // Whoever must run something again is told what.
        let damages = stage.pool.client.get(&stage.pool.own("/damages")).await.ok();
        for name in put_aside.iter().filter(|name| !name.ends_with(".json")) {
            let listed = damages.as_array().into_iter().flatten().any(|damage| {
                damage["quarantined"].to_string().contains(name.as_str())
                    && damage["affectedExecutions"].to_string().contains(&acknowledged)
            });
            assert!(listed, "{told}: {name} and {acknowledged} are not in {damages:#}");
        }
        assert_eq!(damages.as_array().map(Vec::is_empty), Some(put_aside.is_empty()), "{told}: {damages:#}");
        stage.run("DELTA", &told).await;
        stage.exact(&told).await;
        for name in put_aside {
            std::fs::remove_file(stage.pool_folder().join(name)).expect("what was put aside is removed");
        }
        stage.checkpoint_agrees(&told).await;
        stage.in_order(&told).await;
        round.held(recovery);
    }
}

/// F14: a file lies where the engine's temporary folder should be, and the folder is taken away while it runs.
pub(crate) async fn temporary_folder(rounds: Rounds) {
    while let Some(round) = rounds.next() {
        let mut stage = Stage::new(&[], 1_000).await;
        stage.run("FULL", "at first").await;
        let temp = stage.pool_folder().join("temp");
        stage.server.kill();
        std::fs::remove_dir_all(&temp).expect("the temporary folder goes");
        std::fs::write(&temp, "in the way").expect("a file in its place");
        stage.server.restart();
        let run = stage.job.run("FULL").await.ended("FAIL");
        let why = run.0["message"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains("temp"), "the message names the folder: {why}");
        let begun = Instant::now();
        std::fs::remove_file(&temp).expect("the way is free");
        stage.run("FULL", "with the way free").await;
        let recovery = begun.elapsed();
        // What an engine that was killed had moved out of memory goes at the next start.
        stage.server.kill();
        std::fs::write(temp.join("duckdb_temp_storage-0.tmp"), vec![0; 1000]).expect("a leftover");
        stage.server.restart();
        stage.exact("after a leftover").await;
        stage.in_order("after a leftover").await;
        round.held(recovery);
    }
}

/// F15: a second server, and the other commands that open a data folder, are refused while one runs.
pub(crate) async fn second_server(rounds: Rounds) {
    let mut stage = Stage::new(&[], 1_000).await;
    while let Some(round) = rounds.next() {
        let begun = Instant::now();
        stage.data.change_all().await;
        let execution = stage.start("FULL").await;
        let data = stage.server.data();
        let mut init = forebay();
        init.arg("init").arg("--data-dir").arg(&data);
        for mut command in [serve(&data), init] {
            let begun = Instant::now();
            let refused = command.stdin(Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!refused.status.success(), "{command:?} opened the same data: {said}");
            assert!(said.contains("another forebay") && said.contains(&*data.to_string_lossy()), "{said}");
            assert!(said.contains("(process "), "the holder is named: {said}");
            assert!(begun.elapsed() < Duration::from_secs(10), "the refusal took {:?}", begun.elapsed());
        }
        stage.watched(&execution, &[], RECOVERED_WITHIN, "beside a second server").await.succeeded();
        stage.exact("beside a second server").await;
        stage.in_order("beside a second server").await;
        round.held(begun.elapsed());
    }
}
