//! The metadata of a server that does not run, written by hand: many past executions, and a schema as an earlier
//! version made it.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, Row};

/// The migrations as they lie beside the store.
fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations/sqlite")
}

pub(crate) fn file(data: &Path) -> PathBuf {
    data.join("metadata.db")
}

pub(crate) async fn open(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).foreign_keys(false);
    SqliteConnection::connect_with(&options).await.expect("the metadata opens")
}

pub(crate) async fn execute(connection: &mut SqliteConnection, sql: &str) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await {
        panic!("{error} in {sql}");
    }
}

/// The texts of a query with one column.
pub(crate) async fn texts(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{error} in {sql}"));
    rows.iter().map(|row| row.get::<Option<String>, _>(0).unwrap_or_default()).collect()
}

/// Gives a job so many executions that ended long ago, each with a task and a line of its log.
pub(crate) async fn add_past_executions(data: &Path, pool: &str, job: &str, count: u64) {
    let mut file = open(&file(data)).await;
    let name = uuid::Uuid::new_v4().simple().to_string();
    // Ids as the API shows them, of numbers.
    let id = format!("substr('{name}', 1, 8) || '-0000-4000-8000-' || printf('%012d', n)");
    execute(
        &mut file,
        &format!(
            "begin;
             create temp table numbers as
                 with recursive counted(n) as (select 1 union all select n + 1 from counted where n < {count})
                 select n, {id} as id from counted;
             insert into executions (id, pool_id, job_id, mode, status, started_by_type, started_by_id, queued_at,
                     started_at, finished_at)
                 select id, '{pool}', '{job}', 'FULL', case n % 10 when 0 then 'FAIL' else 'SUCCESS' end, 'USER',
                     (select id from users limit 1), 1700000000000 + n * 1000, 1700000000000 + n * 1000,
                     1700000000500 + n * 1000
                 from numbers;
             insert into task_executions (execution_id, task_id, name, kind, position, status)
                 select id, id, 'Task', 'TRANSFORMATION', 0, 'SUCCESS' from numbers;
             insert into log_messages (id, execution_id, at, level, code, text)
                 select id, id, 1700000000500 + n * 1000, 'INFO', 'TASK_DONE', 'done' from numbers;
             commit;
             drop table numbers"
        ),
    )
    .await;
    file.close().await.expect("the metadata closes");
}

/// Gives a pool so many jobs of one transformation each, and their ids in order.
pub(crate) async fn add_jobs(data: &Path, pool: &str, count: u64) -> Vec<String> {
    let mut file = open(&file(data)).await;
    let id = |part: &str| format!("'{part}0000000-0000-4000-8000-' || printf('%012d', n)");
    execute(
        &mut file,
        &format!(
            "begin;
             create temp table numbers as
                 with recursive counted(n) as (select 1 union all select n + 1 from counted where n < {count})
                 select n from counted;
             insert into data_jobs (id, pool_id, name, created_at)
                 select {job}, '{pool}', 'Job ' || n, 1700000000000 from numbers;
             insert into tasks (id, template_id, pool_id, job_id, name, activation, position, kind, content, created_at)
                 select {task}, {task}, '{pool}', {job}, 'Task', 'ENABLED', 0, 'TRANSFORMATION',
                     '\"SELECT ' || n || '\"', 1700000000000 from numbers;
             commit;
             drop table numbers",
            job = id("a"),
            task = id("b"),
        ),
    )
    .await;
    let jobs = texts(&mut file, "select id from data_jobs where name like 'Job %' order by id").await;
    file.close().await.expect("the metadata closes");
    jobs
}

/// Puts a database in the place of the metadata that holds the same and has the schema of the first version.
pub(crate) async fn take_back_to_the_first_version(data: &Path) {
    let (current, old) = (file(data), data.join("metadata.old"));
    let first = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(migrations()).expect("the migrations") {
        let entry = entry.expect("a migration");
        if entry.file_name().to_string_lossy().starts_with("0001") {
            std::fs::copy(entry.path(), first.path().join(entry.file_name())).expect("a copy");
        }
    }
    let migrator = sqlx::migrate::Migrator::new(first.path()).await.expect("a migration");
    let mut file = open(&old).await;
    migrator.run(&mut file).await.expect("the first version's schema");
    execute(&mut file, &format!("attach '{}' as newer", current.display())).await;
    let tables = "select name from main.sqlite_master where type = 'table' and name not like 'sqlite_%'
                  and name not like '\\_sqlx%' escape '\\'";
    for table in texts(&mut file, tables).await {
        let columns = format!(
            "select group_concat(name) from pragma_table_info('{table}', 'main')
             where name in (select name from pragma_table_info('{table}', 'newer'))"
        );
        let columns = texts(&mut file, &columns).await.remove(0);
        execute(
            &mut file,
            &format!("insert into main.{table} ({columns}) select {columns} from newer.{table}"),
        )
        .await;
    }
    execute(&mut file, "detach newer; pragma wal_checkpoint(truncate)").await;
    file.close().await.expect("the old metadata closes");
    for ending in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(data.join(format!("metadata.db{ending}"))));
    }
    std::fs::rename(&old, &current).expect("the old metadata takes its place");
    for ending in ["-wal", "-shm"] {
        drop(std::fs::remove_file(data.join(format!("metadata.old{ending}"))));
    }
}
