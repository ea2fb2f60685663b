//! Queries as they come, on a small model: what they become, and what is said of wrong ones. What their SQL answers
//! is tested where DuckDB is, in the warehouse.

mod compiling;
mod parsing;
mod random;

use crate::{Column, Compiled, Model, PqlError, Relation, Table, compile, parse};

fn columns(columns: &[(&str, &str)]) -> Vec<Column> {
    columns
        .iter()
        .map(|(name, type_name)| Column { name: (*name).to_owned(), type_name: (*type_name).to_owned() })
        .collect()
}

fn table(name: &str, of: &[(&str, &str)]) -> Table {
    Table { name: name.to_owned(), columns: columns(of) }
}

fn relation(many: usize, one: usize, many_column: &str, one_column: &str) -> Relation {
    Relation { one, many, columns: vec![(one_column.to_owned(), many_column.to_owned())] }
}

/// Lines of orders of customers, lines of products, and something that is related to nothing.
fn model() -> Model {
    Model {
        tables: vec![
            table(
                "Lines",
                &[("order", "INTEGER"), ("product", "VARCHAR"), ("amount", "DECIMAL(10,2)"), ("n", "BIGINT")],
            ),
            table(
                "Orders",
                &[("id", "INTEGER"), ("customer", "BIGINT"), ("day", "DATE"), ("at", "TIMESTAMP")],
            ),
            table(
                "Customers",
                &[("id", "BIGINT"), ("name", "VARCHAR"), ("photo", "BLOB"), ("vip", "BOOLEAN")],
            ),
            table("Products", &[("id", "VARCHAR"), ("say \"hi\"", "VARCHAR")]),
            table("Alone", &[("a", "DOUBLE")]),
        ],
        relations: vec![
            relation(0, 1, "order", "id"),
            relation(1, 2, "customer", "id"),
            relation(0, 3, "product", "id"),
        ],
    }
}

fn compiled(text: &str) -> Result<Compiled, PqlError> {
    compile(&parse(&[text])?, &model())
}

/// The SQL, with the tables by their names.
#[track_caller]
fn sql(text: &str) -> String {
    let model = model();
    match compiled(text) {
        Ok(compiled) => compiled.sql(|table| model.tables[table].name.clone()),
        Err(error) => panic!("{text}: {error}"),
    }
}

#[track_caller]
fn refused(text: &str) -> String {
    match compiled(text) {
        Ok(compiled) => panic!("{text}: {}", compiled.sql(|table| format!("table{table}"))),
        Err(error) => error.to_string(),
    }
}
