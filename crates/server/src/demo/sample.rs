//! The sample source of the demo: an order-to-cash database in SQLite, the same rows every time,
//! and the SQL that turns its tables into activities and cases. Nothing here knows the server.

mod rows;
mod values;

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, raw_sql};

/// The tables of the sample, parents first.
pub(crate) const TABLES: &[&str] =
    &["customers", "products", "orders", "order_items", "deliveries", "invoices"];

/// The model's tables with their primary keys; activities have none.
pub(crate) const MODEL_TABLES: &[(&str, &[&str])] = &[
    ("cases", &["case_id"]),
    ("activities", &[]),
    ("customers", &["customer_id"]),
    ("products", &["product_id"]),
    ("orders", &["order_id"]),
    ("order_items", &["order_id", "item_number"]),
    ("deliveries", &["delivery_id"]),
    ("invoices", &["invoice_id"]),
];

/// The model's relations: the table on the 1 side, the table on the N side, their columns.
pub(crate) const MODEL_FOREIGN_KEYS: &[(&str, &str, &str, &str)] = &[
    ("cases", "activities", "case_id", "case_id"),
    ("cases", "orders", "case_id", "order_id"),
    ("customers", "orders", "customer_id", "customer_id"),
    ("orders", "order_items", "order_id", "order_id"),
    ("products", "order_items", "product_id", "product_id"),
    ("orders", "deliveries", "order_id", "order_id"),
    ("orders", "invoices", "order_id", "order_id"),
];

/// Builds `activities` (what happened to an order, and when) and `cases` (one row for each order).
/// The casts hold whether a column came as text or as a timestamp.
pub(crate) const TRANSFORMATION: &str = "\
CREATE OR REPLACE TABLE activities AS
SELECT order_id AS case_id, 'Create order' AS activity, CAST(created_at AS TIMESTAMP) AS event_time, 10 AS sorting
FROM orders
UNION ALL
SELECT order_id, 'Approve order', CAST(approved_at AS TIMESTAMP), 20
FROM orders WHERE approved_at IS NOT NULL
UNION ALL
SELECT order_id, 'Cancel order', CAST(cancelled_at AS TIMESTAMP), 90
FROM orders WHERE cancelled_at IS NOT NULL;

INSERT INTO activities
SELECT order_id, 'Create delivery', CAST(created_at AS TIMESTAMP), 30
FROM deliveries
UNION ALL
SELECT order_id, 'Ship goods', CAST(shipped_at AS TIMESTAMP), 40
FROM deliveries WHERE shipped_at IS NOT NULL
UNION ALL
SELECT order_id, 'Confirm delivery', CAST(delivered_at AS TIMESTAMP), 50
FROM deliveries WHERE delivered_at IS NOT NULL;

INSERT INTO activities
SELECT order_id, 'Issue invoice', CAST(issued_at AS TIMESTAMP), 60
FROM invoices
UNION ALL
SELECT order_id, 'Receive payment', CAST(paid_at AS TIMESTAMP), 70
FROM invoices WHERE paid_at IS NOT NULL;

CREATE OR REPLACE TABLE cases AS
SELECT
    orders.order_id AS case_id,
    customers.country AS country,
    customers.segment AS segment,
    orders.status AS status,
    CAST(orders.total AS DECIMAL(12, 2)) AS total,
    steps.activity_count AS activity_count,
    steps.first_event AS first_event,
    steps.last_event AS last_event,
    date_diff('hour', steps.first_event, steps.last_event) AS hours
FROM orders
JOIN customers ON customers.customer_id = orders.customer_id
JOIN (
    SELECT case_id, count(*) AS activity_count, min(event_time) AS first_event, max(event_time) AS last_event
    FROM activities
    GROUP BY case_id
) AS steps ON steps.case_id = orders.order_id;
";

/// Dates and times are ISO text (UTC), as SQLite keeps them; every table has an `updated_at`.
const SCHEMA: &str = "
CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, segment TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE TABLE products (
    product_id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL,
    list_price DECIMAL(12,2) NOT NULL, updated_at TIMESTAMP NOT NULL
);
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    status TEXT NOT NULL, total DECIMAL(12,2) NOT NULL, requested_date DATE NOT NULL,
    created_at TIMESTAMP NOT NULL, approved_at TIMESTAMP, cancelled_at TIMESTAMP, updated_at TIMESTAMP NOT NULL
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (order_id), item_number INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (product_id), quantity INTEGER NOT NULL,
    price DECIMAL(12,2) NOT NULL, updated_at TIMESTAMP NOT NULL, PRIMARY KEY (order_id, item_number)
);
CREATE TABLE deliveries (
    delivery_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (order_id),
    carrier TEXT NOT NULL, created_at TIMESTAMP NOT NULL, shipped_at TIMESTAMP, delivered_at TIMESTAMP,
    updated_at TIMESTAMP NOT NULL
);
CREATE TABLE invoices (
    invoice_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (order_id),
    amount DECIMAL(12,2) NOT NULL, issued_at TIMESTAMP NOT NULL, due_date DATE NOT NULL, paid_at TIMESTAMP,
    updated_at TIMESTAMP NOT NULL
);
";

/// Makes the sample database, about 200,000 rows, in one transaction.
pub(crate) async fn create(path: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut transaction = connection.begin().await?;
    raw_sql(SCHEMA).execute(&mut *transaction).await?;
    for statement in rows::all() {
        raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

/// Lets the sample move on: 1,500 rows are updated and 500 are new, all of them with an `updated_at`
/// later than any before.
pub(crate) async fn change(path: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut transaction = connection.begin().await?;
    let newest = newest();
    let (now, order, delivery, invoice): (i64, i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(newest)).fetch_one(&mut *transaction).await?;
    let now = u64::try_from(now)? + values::DAY;
    let last = rows::Last {
        order: u64::try_from(order)?,
        delivery: u64::try_from(delivery)?,
        invoice: u64::try_from(invoice)?,
    };
    raw_sql(AssertSqlSafe(rows::updates(now))).execute(&mut *transaction).await?;
    for statement in rows::new(now, &last) {
        raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

/// The query of the newest `updated_at`, in seconds since 1970, and of the highest ids.
fn newest() -> String {
    let times: Vec<String> =
        TABLES.iter().map(|table| format!("SELECT max(updated_at) AS at FROM {table}")).collect();
    format!(
        "SELECT CAST(strftime('%s', max(at)) AS INTEGER), (SELECT max(order_id) FROM orders), \
         (SELECT max(delivery_id) FROM deliveries), (SELECT max(invoice_id) FROM invoices) FROM ({})",
        times.join(" UNION ALL ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn count(path: &Path, condition: &str) -> Vec<i64> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let mut counts = Vec::new();
        for table in TABLES {
            let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE {condition}"));
            let (count,): (i64,) = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
            counts.push(count);
        }
        counts
    }

    #[test]
    fn the_rows_are_the_same_every_time() {
        assert_eq!(rows::all(), rows::all());
    }

    #[tokio::test]
    async fn a_change_updates_1500_rows_and_adds_500() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sample.db");
        create(&path).await.unwrap();
        let before = count(&path, "true").await;
        let total: i64 = before.iter().sum();
        assert!((190_000..210_000).contains(&total), "{total} rows: {before:?}");
        assert_eq!(count(&path, "updated_at >= '2025-06-30'").await, [0; 6]);
        change(&path).await.unwrap();
        let after = count(&path, "true").await;
        let added: Vec<i64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
        assert_eq!(added, [0, 0, 100, 250, 90, 60]);
        let changed = count(&path, "updated_at >= '2025-06-30'").await;
        assert_eq!(changed, [100, 50, 250, 250, 690, 660]);
    }
}
