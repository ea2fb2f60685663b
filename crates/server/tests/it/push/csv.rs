//! CSV files with every option there is.

use serde_json::json;

use super::{Push, failure};
use crate::pool::Pool;
use crate::server::Server;

#[tokio::test]
async fn every_option_of_a_csv_file_counts() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let column = |name: &str, kind: &str| json!({"columnName": name, "columnType": kind});
    let fields = json!({
        "fileType": "CSV",
        "tableSchema": {"columns": [
            column("Menge", "INTEGER"), column("Preis", "FLOAT"), column("Tag", "DATE"),
            column("Zeit", "DATETIME"), column("Uhr", "TIME"), column("Ja", "BOOLEAN"),
            {"columnName": "Text", "columnType": "STRING", "fieldLength": 6},
            {"columnName": "Genau", "columnType": "FLOAT", "decimals": 2},
        ]},
        "csvParsingOptions": {
            "charSet": "windows-1252", "separatorSequence": ";", "quoteSequence": "'", "escapeSequence": "\\",
            "lineEnding": "\r\n", "decimalSeparator": ",", "thousandSeparator": ".", "dateFormat": "dd.MM.yyyy",
            "additionalColumnOptions": [
                {"columnName": "Zeit", "dateFormat": "yyyy-MM-dd'T'HH:mm:ss"},
                {"columnName": "Genau", "decimalSeparator": ".", "thousandsSeparator": ","},
            ],
        },
    });
    let text = "Menge;Preis;Tag;Zeit;Uhr;Ja;Text;Genau;Frei\r\n\
                1.234;-0,5;29.02.2024;2024-02-29T01:02:03;12:34:56;true;'M\u{fc}ller; \\'S\\'';1,234.50;007\r\n\
                ;;;;;;'';;\r\n";
    let bytes: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let push = Push::create(&pool, &fields).await;
    push.send("upserted", &bytes).await;
    let ended = push.run().await;
    Push::done(&ended);
    let shown = pool
        .query(
            None,
            "SELECT \"Menge\", \"Preis\", \"Tag\"::VARCHAR, \"Zeit\"::VARCHAR, \"Uhr\"::VARCHAR, \"Ja\", \"Text\", \
             \"Genau\"::VARCHAR, \"Frei\" FROM TAB1 ORDER BY \"Menge\" NULLS LAST",
        )
        .await;
    let expected = json!([
        ["1234", -0.5, "2024-02-29", "2024-02-29 01:02:03", "12:34:56", true, "Müller", "1234.50", "007"],
        [null, null, null, null, null, null, "", null, null],
    ]);
    assert_eq!(json!(shown), expected);
    let log = ended["logs"].to_string();
    assert!(log.contains("texts were cut: 1 in Text (to 6 characters)"), "{log}");
    let types = server.admin().get(&pool.path("/columns?tableName=TAB1")).await.ok();
    let kinds: Vec<&str> =
        types.as_array().unwrap().iter().map(|column| column["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..4], ["INTEGER", "FLOAT", "DATE", "DATE"]);
}

#[tokio::test]
async fn a_file_that_is_not_as_the_options_say_is_told_with_its_line() {
    let server = Server::start();
    let pool = Pool::create(&server.admin()).await;
    let csv = async |options: serde_json::Value, bytes: &[u8]| {
        let push = Push::create(&pool, &json!({"fileType": "CSV", "csvParsingOptions": options})).await;
        push.send("upserted", bytes).await;
        push.run().await
    };
    let log = failure(&csv(json!({}), b"a,b\n1,2\n1,2,3\n").await);
    assert!(log.contains("file 1 of 1: line 3: the row has 3 cells and the header has 2"), "{log}");
    let log = failure(&csv(json!({}), b"a\n\xff\n").await);
    assert!(log.contains("is no UTF-8; say the file's charset"), "{log}");
    let log = failure(&csv(json!({"charSet": "klingon"}), b"a\n1\n").await);
    assert!(log.contains("csvParsingOptions.charSet: `klingon`"), "{log}");
    let log = failure(&csv(json!({}), b"a,a\n1,2\n").await);
    assert!(log.contains("the header names column \"a\" twice"), "{log}");
    // Without a schema cells are what stands there.
    Push::done(&csv(json!(null), b"a,b\n007,\n").await);
    assert_eq!(json!(pool.query(None, "SELECT a, b FROM TAB1").await), json!([["007", null]]));
}
