use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};

use super::*;

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

/// Numbers from one on up to another one, in batches that fill vectors unevenly.
fn piece(from: i64, until: i64) -> Piece {
    let numbers: Vec<i64> = (from..until).collect();
    let batch = |numbers: &[i64]| {
        RecordBatch::try_new(columns(), vec![Arc::new(Int64Array::from(numbers.to_vec()))]).unwrap()
    };
    numbers.chunks(3000).map(batch).collect()
}

fn engine() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    register(&connection).unwrap();
    connection
}

/// How many rows a statement read, and their sum.
fn read(connection: &Connection, first: Piece, coming: Option<Coming>) -> (usize, i64) {
    let feed = Feed::new(columns(), first, coming);
    let sql = format!("SELECT count(*), coalesce(sum(n), 0)::BIGINT FROM {}", feed.sql());
    let (count, sum) =
        connection.query_row(&sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
    assert_eq!(usize::try_from(count).unwrap(), feed.handed_over());
    (feed.handed_over(), sum)
}

fn sum(until: i64) -> i64 {
    until * (until - 1) / 2
}

#[test]
fn a_piece_alone_needs_no_runtime() {
    assert_eq!(read(&engine(), piece(0, 10_000), None), (10_000, sum(10_000)));
    assert_eq!(read(&engine(), Piece::new(), None), (0, 0));
}

#[tokio::test]
async fn pieces_that_come_meanwhile_are_read_until_the_sender_goes() {
    let (sender, receiver) = mpsc::channel(1);
    let coming: Coming = Arc::new(tokio::sync::Mutex::new(receiver));
    let reading = tokio::task::spawn_blocking(move || read(&engine(), piece(0, 5000), Some(coming)));
    for number in 1..40 {
        sender.send(piece(number * 5000, (number + 1) * 5000)).await.unwrap();
    }
    drop(sender);
    assert_eq!(reading.await.unwrap(), (200_000, sum(200_000)));
}

#[tokio::test]
async fn a_statement_does_not_wait_for_a_slow_source() {
    let (sender, receiver) = mpsc::channel(1);
    let coming: Coming = Arc::new(tokio::sync::Mutex::new(receiver));
    let more = Arc::clone(&coming);
    // It ends although more may come.
    let reading = tokio::task::spawn_blocking(move || read(&engine(), piece(0, 5000), Some(more)));
    assert_eq!(reading.await.unwrap(), (5000, sum(5000)));
    sender.send(piece(5000, 6000)).await.unwrap();
    let next = coming.lock().await.recv().await.unwrap();
    assert_eq!(next.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
}

#[tokio::test]
async fn a_sender_that_goes_ends_the_waiting() {
    let (sender, receiver) = mpsc::channel::<Piece>(1);
    let coming: Coming = Arc::new(tokio::sync::Mutex::new(receiver));
    let feed = Arc::new(Feed::new(columns(), Piece::new(), Some(coming)));
    // Another thread is at work, as far as this one knows: it would wait long.
    lock(&feed.offered.progress).begun.insert(thread::current().id(), VecDeque::new());
    let offered = Arc::clone(&feed.offered);
    let waiting = tokio::task::spawn_blocking(move || {
        lock(&offered.progress).first = None;
        offered.next().is_none()
    });
    drop(sender);
    assert!(waiting.await.unwrap());
    assert!(!lock(&feed.offered.progress).is_over);
}
