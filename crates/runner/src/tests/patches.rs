//! What the warehouse in memory does with the rows of data pushes.

use arrow::datatypes::{DataType, SchemaRef};
use forebay_core::conformance::warehouse::patches;
use forebay_core::name::Identifier;
use forebay_core::warehouse::{Absent, CHANGE_DATE_COLUMN, KeyRepeats, LoadReport, Onto, Patch};

use super::house::identifier;
use super::warehouse::{FakeWarehouse, Row, Table};

/// The type of a column, as the real warehouse writes those that the tests use.
pub(super) fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::Null => "VARCHAR".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        other => other.to_string(),
    }
}

/// Lets rows meet those of a table, if there is one. Gives the table as it is then.
pub(super) fn apply(
    kept: Option<Table>,
    patch: &Patch,
    incoming: &SchemaRef,
    staged: Vec<Row>,
) -> (Table, LoadReport) {
    let all = staged.len() as u64;
    let before = kept.as_ref().map_or(0, |table| table.rows.len()) as u64;
    let names: Vec<String> = incoming.fields().iter().map(|field| field.name().clone()).collect();
    let at = |name: &Identifier| names.iter().position(|column| column == name.as_str()).unwrap();
    let removal = patch.removal.as_ref().map(at);
    let key: Option<Vec<usize>> = patch.key.as_ref().map(|key| key.columns().iter().map(at).collect());
    let key_of = |row: &Row| -> Row { key.iter().flatten().map(|place| row[*place].clone()).collect() };
    let (mut rows, mut removed): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    for row in staged {
        if removal.is_some_and(|place| row[place].as_deref() == Some("true")) {
            rows.retain(|other| key_of(other) != key_of(&row));
            removed.push(key_of(&row));
        } else {
            rows.push(row);
        }
    }
    if key.is_some() && patch.repeats == KeyRepeats::LastWins {
        rows = last_of_each(rows, &key_of, patch.order.as_ref().map(at));
    }
    let is_kept = |place: &usize| Some(*place) != removal;
    let places: Vec<usize> = (0..names.len()).filter(is_kept).collect();
    let mut columns: Vec<String> = places.iter().map(|place| names[*place].clone()).collect();
    let mut types: Vec<String> =
        places.iter().map(|place| type_name(incoming.field(*place).data_type())).collect();
    columns.push(CHANGE_DATE_COLUMN.to_owned());
    types.push("TIMESTAMP".to_owned());
    let cell = |row: &Row, name: &str| {
        let place = names.iter().position(|column| column == name);
        if name == CHANGE_DATE_COLUMN {
            row.last().cloned().flatten()
        } else {
            place.and_then(|at| row[at].clone())
        }
    };
    let mut table = match (patch.onto, kept) {
        (Onto::Table, Some(kept)) => kept,
        _ => Table { columns: columns.clone(), types: types.clone(), ..Table::default() },
    };
    let replaced = if patch.onto == Onto::Nothing { before } else { 0 };
    for (name, kind) in columns.iter().zip(&types) {
        if !table.columns.contains(name) {
            let end = table.columns.len() - 1;
            table.columns.insert(end, name.clone());
            table.types.insert(end, kind.clone());
            table.rows.iter_mut().for_each(|row| row.insert(end, None));
        }
    }
    let key_places: Vec<usize> = key
        .iter()
        .flatten()
        .map(|place| table.columns.iter().position(|column| *column == names[*place]).unwrap())
        .collect();
    let has_key = |row: &Row, wanted: &Row| {
        key.is_some() && key_places.iter().map(|place| row[*place].clone()).collect::<Row>() == *wanted
    };
    let old = table.rows.len();
    table.rows.retain(|row| !removed.iter().any(|wanted| has_key(row, wanted)));
    let mut deleted = replaced + (old - table.rows.len()) as u64;
    let (mut updated, mut seen): (u64, Vec<Row>) = (0, Vec::new());
    let mut made = Vec::new();
    for row in &rows {
        let last = table.rows.iter().rfind(|kept| has_key(kept, &key_of(row)));
        let value = |name: &String| match last {
            Some(last) if !columns.contains(name) && patch.absent == Absent::Unchanged => {
                last[table.columns.iter().position(|column| column == name).unwrap()].clone()
            }
            _ => cell(row, name),
        };
        made.push(table.columns.iter().map(value).collect::<Row>());
    }
    for row in &rows {
        let wanted = key_of(row);
        if key.is_none() || seen.contains(&wanted) {
            continue;
        }
        let old = table.rows.len();
        table.rows.retain(|kept| !has_key(kept, &wanted));
        let gone = (old - table.rows.len()) as u64;
        updated += u64::from(gone > 0);
        deleted += gone.saturating_sub(1);
        seen.push(wanted);
    }
    let added = made.len() as u64;
    table.rows.extend(made);
    let report = LoadReport {
        rows_staged: all,
        rows_inserted: added - updated,
        rows_updated: updated,
        rows_deleted: deleted,
        rows_before: before,
        rows_after: table.rows.len() as u64,
        changes: Vec::new(),
    };
    (table, report)
}

/// The last row of each key, by a column of numbers where there is one.
fn last_of_each(rows: Vec<Row>, key_of: &dyn Fn(&Row) -> Row, order: Option<usize>) -> Vec<Row> {
    let order_of =
        |row: &Row| order.and_then(|place| row[place].as_ref()).and_then(|text| text.parse::<i64>().ok());
    let mut last: Vec<Row> = Vec::new();
    for row in rows {
        match last.iter_mut().find(|other| key_of(other) == key_of(&row)) {
            Some(other) if order_of(other) > order_of(&row) => {}
            Some(other) => *other = row,
            None => last.push(row),
        }
    }
    last
}

#[tokio::test]
async fn the_fake_patches_as_every_warehouse_must() {
    let warehouse = FakeWarehouse::default();
    patches(&warehouse, &warehouse, &identifier("pool")).await;
}
