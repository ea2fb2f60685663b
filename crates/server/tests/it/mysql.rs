//! FULL and DELTA from a MySQL or MariaDB server, by the API alone.

use serde_json::json;

use crate::mariadb_server::MariadbServer;
use crate::pool::Pool;
use crate::server::Server;

#[tokio::test]
async fn a_table_of_mariadb_is_loaded_and_followed() {
    let source = MariadbServer::shared().await;
    let database = source.database("erp");
    database.run(
        "CREATE TABLE orders (id bigint unsigned PRIMARY KEY, total decimal(15,2), note varchar(40) CHARACTER SET latin1, \
             placed date, lasted time, flags bit(3), changed timestamp(6) NULL); \
         INSERT INTO orders VALUES (18446744073709551615, 1.50, 'Größe', '2024-02-29', '-100:00:01', b'101', '2024-01-01'), \
             (1, NULL, NULL, NULL, NULL, NULL, NULL), (2, -0.01, '', '9999-12-31', '838:59:59', 0, '2024-01-02'); \
         CREATE TABLE dates (id int PRIMARY KEY, day date); SET sql_mode = ''; INSERT INTO dates VALUES (1, '0000-00-00')",
    );
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let configuration = json!({
        "host": source.host, "port": source.port, "database": "erp", "user": source.user,
        "password": source.password,
    });
    let connection = pool.connection("ERP", "MYSQL", &configuration).await;
    let shown = pool.client.get(&pool.own(&format!("/connections/{connection}"))).await.ok();
    assert_eq!(shown["type"], "MYSQL");
    assert!(!shown.to_string().contains(&source.password));
    let path = pool.own(&format!("/connections/{connection}/test"));
    assert_eq!(pool.client.post(&path, &json!(null)).await.ok()["successful"], true);

    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "orders", "changeDateColumn": "changed"}])).await;
    let run = job.run("FULL").await.succeeded();
    assert_eq!(run.count("orders", "rowsRead"), 3);
    let all =
        "SELECT concat_ws('|', id, total, note, placed, lasted, flags, changed) FROM orders ORDER BY id";
    assert_eq!(
        pool.lines(Some(&connection), all).await,
        [
            "1",
            "2|-0.01||9999-12-31|838:59:59|0|2024-01-01 18:15:00",
            "18446744073709551615|1.50|Größe|2024-02-29|-100:00:01|5|2023-12-31 18:15:00",
        ],
        "the server's zone is 5:45 ahead of UTC"
    );

    database.run(
        "UPDATE orders SET total = 7, changed = '2024-01-03' WHERE id = 1; \
         INSERT INTO orders (id, changed) VALUES (3, '2024-01-04')",
    );
    let run = job.run("DELTA").await.succeeded();
    assert!(run.count("orders", "rowsRead") < 4, "{:#}", run.0);
    let totals = "SELECT concat_ws('|', id, total) FROM orders ORDER BY id";
    assert_eq!(
        pool.lines(Some(&connection), totals).await,
        ["1|7.00", "2|-0.01", "3", "18446744073709551615|1.50"]
    );

    // A value that the warehouse has not fails its table, and the message says which.
    let job = pool.job(Some(&connection)).await;
    job.extraction(&json!([{"tableName": "dates"}])).await;
    let failed = job.run("FULL").await.ended("FAIL").0.to_string();
    for part in ["dates", "column day", "0000-00-00", "NULLIF"] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
}
