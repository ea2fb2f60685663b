//! The sample source of the demo: an order-to-cash database in SQLite, the same rows every time,
//! and the SQL that turns its tables into activities and cases. Nothing here knows the server.

use std::fmt::{self, Write};
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

const CUSTOMERS: u64 = 2_000;
const PRODUCTS: u64 = 500;
const ORDERS: u64 = 33_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// 2025-01-01T00:00:00Z: the first order. Times are seconds since 1970.
const BEGIN: u64 = 1_735_689_600;
/// 180 days later: the moment at which the sample stands still. What would be later has not happened.
const NOW: u64 = BEGIN + 180 * DAY;

const COUNTRIES: [&str; 8] = ["DE", "US", "FR", "GB", "NL", "IT", "ES", "JP"];
const SEGMENTS: [&str; 3] = ["Enterprise", "Retail", "Public"];
const CATEGORIES: [&str; 5] = ["Pumps", "Valves", "Pipes", "Sensors", "Tools"];
const CARRIERS: [&str; 4] = ["Road", "Rail", "Air", "Sea"];

/// Makes the sample database, about 200,000 rows, in one transaction.
pub(crate) async fn create(path: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut transaction = connection.begin().await?;
    raw_sql(SCHEMA).execute(&mut *transaction).await?;
    for statement in rows() {
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
    let now = u64::try_from(now)? + DAY;
    let last = Last {
        order: u64::try_from(order)?,
        delivery: u64::try_from(delivery)?,
        invoice: u64::try_from(invoice)?,
    };
    raw_sql(AssertSqlSafe(updates(now))).execute(&mut *transaction).await?;
    for statement in new_rows(now, &last) {
        raw_sql(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

/// The highest ids in use.
struct Last {
    order: u64,
    delivery: u64,
    invoice: u64,
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

/// Approvals, deliveries, payments, and some changes of customers and prices.
fn updates(now: u64) -> String {
    let at = Time(now);
    format!(
        "UPDATE orders SET approved_at = {at}, status = 'APPROVED', updated_at = {at} WHERE order_id IN \
           (SELECT order_id FROM orders WHERE status = 'CREATED' ORDER BY order_id LIMIT 150);
         UPDATE deliveries SET shipped_at = coalesce(shipped_at, {at}), delivered_at = {at}, updated_at = {at} \
           WHERE delivery_id IN \
           (SELECT delivery_id FROM deliveries WHERE delivered_at IS NULL ORDER BY delivery_id LIMIT 600);
         UPDATE invoices SET paid_at = {at}, updated_at = {at} WHERE invoice_id IN \
           (SELECT invoice_id FROM invoices WHERE paid_at IS NULL ORDER BY invoice_id LIMIT 600);
         UPDATE customers SET segment = 'Enterprise', updated_at = {at} WHERE customer_id % 20 = 7;
         UPDATE products SET list_price = round(list_price * 1.03, 2), updated_at = {at} WHERE product_id % 10 = 3;"
    )
}

/// 100 orders of 2 or 3 items, 90 deliveries and 60 invoices: 500 rows.
fn new_rows(now: u64, last: &Last) -> Vec<String> {
    let mut random = Random(now);
    let mut orders = Inserts::new("orders");
    let mut items = Inserts::new("order_items");
    let mut deliveries = Inserts::new("deliveries");
    let mut invoices = Inserts::new("invoices");
    for n in 1..=100 {
        let order = last.order + n;
        let (created, approved) = (now + n * 60, now + n * 60 + HOUR);
        let total = item_rows(&mut items, &mut random, order, 2 + n % 2, created);
        orders.row(format_args!(
            "{order},{},'APPROVED',{},{},{},{},NULL,{}",
            random.up_to(CUSTOMERS) + 1,
            Money(total),
            Date(created + 14 * DAY),
            Time(created),
            Time(approved),
            Time(approved),
        ));
        let at = approved + HOUR;
        if n <= 90 {
            let carrier = random.of(&CARRIERS);
            let delivery = last.delivery + n;
            deliveries.row(format_args!(
                "{delivery},{order},'{carrier}',{},NULL,NULL,{}",
                Time(at),
                Time(at)
            ));
        }
        if n <= 60 {
            let (invoice, due) = (last.invoice + n, Date(at + 30 * DAY));
            let (amount, at) = (Money(total), Time(at));
            invoices.row(format_args!("{invoice},{order},{amount},{at},{due},NULL,{at}"));
        }
    }
    [orders, items, deliveries, invoices].into_iter().flat_map(|inserts| inserts.statements).collect()
}

/// All rows of the sample as INSERT statements, parents first.
fn rows() -> Vec<String> {
    let mut random = Random(20_250_101);
    let mut customers = Inserts::new("customers");
    for id in 1..=CUSTOMERS {
        let (country, segment) = (random.of(&COUNTRIES), random.of(&SEGMENTS));
        let at = Time(BEGIN + random.up_to(170 * DAY));
        customers.row(format_args!("{id},'Customer {id:04}','{country}','{segment}',{at}"));
    }
    let mut products = Inserts::new("products");
    for id in 1..=PRODUCTS {
        let (category, price) = (random.of(&CATEGORIES), Money(500 + random.up_to(200_000)));
        let at = Time(BEGIN + random.up_to(170 * DAY));
        products.row(format_args!("{id},'{category} {id:03}','{category}',{price},{at}"));
    }
    let mut orders = Inserts::new("orders");
    let mut items = Inserts::new("order_items");
    let mut deliveries = Inserts::new("deliveries");
    let mut invoices = Inserts::new("invoices");
    let (mut delivery, mut invoice) = (0, 0);
    for order in 1..=ORDERS {
        // Evenly over the days, in the order of the ids.
        let created = BEGIN + order * (180 * DAY / ORDERS) + random.up_to(400);
        let count = 1 + random.up_to(5);
        let total = item_rows(&mut items, &mut random, order, count, created);
        let approved = past(created + HOUR + random.up_to(3 * DAY));
        let cancelled = match approved {
            Some(approved) if random.up_to(100) < 4 => past(approved + random.up_to(2 * DAY)),
            _ => None,
        };
        // One order in twelve is delivered in two parts.
        let parts = if random.up_to(12) == 0 { 2 } else { 1 };
        let mut done = 0;
        if let (Some(approved), None) = (approved, cancelled) {
            for _ in 0..parts {
                let Some(at) = past(approved + HOUR + random.up_to(4 * DAY)) else {
                    continue;
                };
                let shipped = past(at + HOUR + random.up_to(5 * DAY));
                let delivered = shipped.and_then(|shipped| past(shipped + DAY + random.up_to(9 * DAY)));
                let updated = Time(delivered.or(shipped).unwrap_or(at));
                done += u64::from(delivered.is_some());
                delivery += 1;
                let carrier = random.of(&CARRIERS);
                let (at, shipped, delivered) = (Time(at), Maybe(shipped), Maybe(delivered));
                deliveries
                    .row(format_args!("{delivery},{order},'{carrier}',{at},{shipped},{delivered},{updated}"));
            }
            if let Some(issued) = past(approved + DAY + random.up_to(10 * DAY)) {
                let paid = past(issued + 5 * DAY + random.up_to(40 * DAY));
                invoice += 1;
                let (amount, due) = (Money(total), Date(issued + 30 * DAY));
                let (at, updated, paid) = (Time(issued), Time(paid.unwrap_or(issued)), Maybe(paid));
                invoices.row(format_args!("{invoice},{order},{amount},{at},{due},{paid},{updated}"));
            }
        }
        let status = match (cancelled, approved) {
            (Some(_), _) => "CANCELLED",
            (None, Some(_)) if done == parts => "DELIVERED",
            (None, Some(_)) => "APPROVED",
            (None, None) => "CREATED",
        };
        let customer = random.up_to(CUSTOMERS) + 1;
        let (total, requested) = (Money(total), Date(created + (7 + random.up_to(21)) * DAY));
        let updated = Time(cancelled.or(approved).unwrap_or(created));
        let (created, approved, cancelled) = (Time(created), Maybe(approved), Maybe(cancelled));
        orders.row(format_args!(
            "{order},{customer},'{status}',{total},{requested},{created},{approved},{cancelled},{updated}"
        ));
    }
    [customers, products, orders, items, deliveries, invoices]
        .into_iter()
        .flat_map(|inserts| inserts.statements)
        .collect()
}

/// Adds the items of an order and gives their total in cents.
fn item_rows(items: &mut Inserts, random: &mut Random, order: u64, count: u64, at: u64) -> u64 {
    let mut total = 0;
    for number in 1..=count {
        let product = random.up_to(PRODUCTS) + 1;
        let quantity = 1 + random.up_to(12);
        let price = 500 + random.up_to(200_000);
        total += quantity * price;
        items.row(format_args!("{order},{number},{product},{quantity},{},{}", Money(price), Time(at)));
    }
    total
}

/// A time that has come; `None` for one that is still ahead.
fn past(at: u64) -> Option<u64> {
    (at < NOW).then_some(at)
}

/// Rows of one table, gathered into INSERT statements of many rows.
struct Inserts {
    table: &'static str,
    statements: Vec<String>,
    /// In the last statement.
    rows: usize,
}

impl Inserts {
    /// The most rows in one statement.
    const LIMIT: usize = 500;

    fn new(table: &'static str) -> Self {
        Self { table, statements: Vec::new(), rows: Self::LIMIT }
    }

    fn row(&mut self, values: fmt::Arguments<'_>) {
        if self.rows == Self::LIMIT {
            self.statements.push(format!("INSERT INTO {} VALUES ", self.table));
            self.rows = 0;
        } else if let Some(statement) = self.statements.last_mut() {
            statement.push(',');
        }
        self.rows += 1;
        if let Some(statement) = self.statements.last_mut() {
            write!(statement, "({values})").expect("writing to a String does not fail");
        }
    }
}

/// A time as an SQL expression.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "datetime({},'unixepoch')", self.0)
    }
}

/// A time, or NULL.
struct Maybe(Option<u64>);

impl fmt::Display for Maybe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => Time(at).fmt(formatter),
            None => formatter.write_str("NULL"),
        }
    }
}

/// The day of a time as an SQL expression.
struct Date(u64);

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "date({},'unixepoch')", self.0)
    }
}

/// An amount in cents, written with two decimals.
struct Money(u64);

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`. The tiny bias of the remainder does not matter here.
    fn up_to(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        let index = usize::try_from(self.up_to(choices.len() as u64)).unwrap_or_default();
        choices[index]
    }
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
        assert_eq!(rows(), rows());
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
