//! Exports: what queries answer, on real files of a published model.

mod formats;
mod joins;
mod values;
mod versions;

use std::fs;

use forebay_core::export::{ExportChunk, ExportFiles, ExportFormat, ExportRequest, Exported};
use forebay_core::id::{DataExportId, DataModelId, ForeignKeyId, ModelTableId};
use forebay_core::model::ForeignKey;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{
    Publication, PublishedTable, Refresh, Warehouse, WarehouseError, WarehouseErrorKind,
};

use super::{Pool, claim, identifier, table};

const MIB: u64 = 1024 * 1024;

/// Customers with orders, orders with lines, and a table that is related to nothing.
struct Shop {
    pool: Pool,
    model: Publication,
}

const ROWS: [&str; 4] = [
    "CREATE TABLE customers AS SELECT * FROM (VALUES (1::BIGINT, 'Ada', true), (2, 'Bob', false), (3, NULL, NULL), \
     (4, 'Dan', true)) v(id, name, vip)",
    "CREATE TABLE orders AS SELECT * FROM (VALUES \
     (10::INTEGER, '1', DATE '2024-02-29', TIMESTAMP '2024-02-29 12:34:56.789', 5.50::DECIMAL(10,2)), \
     (11, '1', DATE '2023-12-31', TIMESTAMP '2023-12-31 23:59:59', NULL), \
     (12, '2', DATE '2024-01-01', NULL, 1.25), (13, NULL, NULL, NULL, 8.00), (14, '9', NULL, NULL, -3.00)) \
     v(id, customer, day, \"at\", amount)",
    "CREATE TABLE lines AS SELECT * FROM (VALUES (10::INTEGER, 'apple', 3::BIGINT), (10, 'pear', 4), (12, 'apple', 5), \
     (14, 'fig', NULL), (99, 'fig', 1)) v(\"order\", product, n)",
    "CREATE TABLE alone AS SELECT * FROM (VALUES (1.5::DOUBLE, 'x'), ('NaN', 'it''s'), (NULL, NULL)) v(f, \"a \"\"b\"\"\")",
];

impl Shop {
    async fn open() -> Self {
        let pool = Pool::new();
        pool.execute(&ROWS).await.unwrap();
        let published = |name: &str, alias: &str| PublishedTable {
            id: ModelTableId::random(),
            table: table(name),
            alias: identifier(alias),
            primary_key: Vec::new(),
            refresh: Refresh::Anew,
        };
        let tables = vec![
            published("customers", "Customers"),
            published("orders", "Orders"),
            published("lines", "Lines"),
            published("alone", "Alone"),
        ];
        let key = |one: usize, many: usize, of_one: &str, of_many: &str| ForeignKey {
            id: ForeignKeyId::random(),
            source: tables[one].id,
            target: tables[many].id,
            columns: vec![(identifier(of_one), identifier(of_many))],
        };
        let foreign_keys = vec![key(0, 1, "id", "customer"), key(1, 2, "id", "order")];
        let (claim, model) = (claim(), DataModelId::random());
        let model = Publication { claim, model, tables, foreign_keys, versions_kept: 1 };
        let shop = Self { pool, model };
        shop.publish().await;
        shop
    }

    async fn publish(&self) {
        self.pool.warehouse.publish(self.model.clone(), &Stop::never()).await.unwrap();
    }

    async fn export(&self, queries: &[&str], format: ExportFormat) -> Result<Exported, WarehouseError> {
        let request = self.request(queries, Some(ExportFiles { format, most_bytes: 64 * MIB }));
        self.pool.warehouse.export(request, &Stop::never()).await.map(Option::unwrap)
    }

    fn request(&self, queries: &[&str], files: Option<ExportFiles>) -> ExportRequest {
        let queries = queries.iter().map(|query| (*query).to_owned()).collect();
        ExportRequest { id: DataExportId::random(), model: self.model.model, queries, files }
    }

    /// The lines of CSV that a query answers, without the one of names.
    async fn answer(&self, query: &str) -> Result<Vec<String>, WarehouseError> {
        let exported = self.export(&[query], ExportFormat::Csv).await?;
        let text = fs::read_to_string(exported.folder.join("0.csv")).unwrap();
        Ok(text.lines().skip(1).map(str::to_owned).collect())
    }

    #[track_caller]
    fn is_answered<'s>(&'s self, query: &'s str, expected: &'s [&'s str]) -> impl Future<Output = ()> + 's {
        let place = std::panic::Location::caller();
        async move {
            let found = self.answer(query).await.unwrap_or_else(|error| panic!("{place}: {query}: {error}"));
            assert_eq!(found, expected, "{place}: {query}");
        }
    }

    async fn refused(&self, query: &str) -> String {
        let error = self.answer(query).await.unwrap_err();
        assert_eq!(error.kind, WarehouseErrorKind::Invalid, "{query}: {error}");
        error.message
    }
}
