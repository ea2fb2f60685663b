//! The settings of a table as fields of a form, and back. What is right is said by what the API takes.

use std::collections::HashMap;

use forebay_core::error::{Error, Result};
use forebay_core::extraction::{ColumnChoice, TODAY, TableExtraction};
use forebay_core::job::Activation;
use forebay_core::name::Identifier;
use serde_json::{Value, json};

use forebay_api::{TableExtractionRequest, in_units};

/// The units of an offset, with the words of the API and of people.
const UNITS: [(&str, &str); 3] = [("DAYS", "days"), ("HOURS", "hours"), ("MINUTES", "minutes")];

/// The fields as they are typed. An empty one says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) is_enabled: bool,
    pub(super) target: String,
    /// Whether only columns that are ticked are read.
    pub(super) chooses: bool,
    /// Whether the key is the one that is ticked.
    pub(super) is_key_manual: bool,
    /// Columns that are ticked, in their order.
    pub(super) read: Vec<String>,
    pub(super) hashed: Vec<String>,
    pub(super) key: Vec<String>,
    pub(super) filter: String,
    pub(super) delta_filter: String,
    pub(super) creation_column: String,
    pub(super) creation_from: String,
    pub(super) creation_until: String,
    /// Until the end of the day on which an execution begins.
    pub(super) is_until_today: bool,
    pub(super) change_column: String,
    pub(super) change_offset: String,
    pub(super) change_unit: String,
    pub(super) text_length: String,
}

fn texts(names: &[Identifier]) -> Vec<String> {
    names.iter().map(Identifier::to_string).collect()
}

impl Fields {
    pub(super) fn of(table: &TableExtraction) -> Self {
        let (chooses, read) = match &table.columns {
            ColumnChoice::All => (false, Vec::new()),
            ColumnChoice::Only(columns) => (true, texts(columns)),
        };
        let creation = table.creation_date.as_ref();
        let until = creation.and_then(|bounds| bounds.until.as_deref());
        let (change_offset, change_unit) = match &table.change_date {
            Some(change) if change.offset_seconds != 0 => {
                let (offset, unit) = in_units(change.offset_seconds);
                (offset.to_string(), unit.to_owned())
            }
            _ => (String::new(), String::new()),
        };
        let change = table.change_date.as_ref();
        Self {
            is_enabled: table.activation == Activation::Enabled,
            target: table.target.as_ref().map(Identifier::to_string).unwrap_or_default(),
            chooses,
            is_key_manual: !table.manual_key.is_empty(),
            read,
            hashed: texts(&table.pseudonymised),
            key: texts(&table.manual_key),
            filter: table.filter.clone().unwrap_or_default(),
            delta_filter: table.delta_filter.clone().unwrap_or_default(),
            creation_column: creation.map(|bounds| bounds.column.to_string()).unwrap_or_default(),
            creation_from: creation.and_then(|bounds| bounds.from.clone()).unwrap_or_default(),
            creation_until: until.filter(|until| *until != TODAY).unwrap_or_default().to_owned(),
            is_until_today: until == Some(TODAY),
            change_column: change.map(|change| change.column.to_string()).unwrap_or_default(),
            change_offset,
            change_unit,
            text_length: table.max_string_length.map(|length| length.to_string()).unwrap_or_default(),
        }
    }

    /// What a browser sent. Columns come as `read:`, `hash:` and `key:`, each with its place and its name.
    pub(super) fn filled(mut form: HashMap<String, String>) -> Self {
        let ticked = |kind: &str| {
            let named = form.keys().filter_map(|field| field.strip_prefix(kind)?.split_once(':'));
            let mut placed: Vec<(usize, String)> =
                named.map(|(place, name)| (place.parse().unwrap_or(usize::MAX), name.to_owned())).collect();
            placed.sort();
            placed.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        let (read, hashed, key) = (ticked("read:"), ticked("hash:"), ticked("key:"));
        let mut text = |name: &str| {
            // Browsers send two characters for the end of a line.
            form.remove(name).unwrap_or_default().replace("\r\n", "\n")
        };
        Self {
            is_enabled: !text("enabled").is_empty(),
            target: text("target"),
            chooses: text("columns") == "CHOSEN",
            is_key_manual: text("keys") == "MANUAL",
            read,
            hashed,
            key,
            filter: text("filter"),
            delta_filter: text("deltaFilter"),
            creation_column: text("creationColumn"),
            creation_from: text("creationFrom"),
            creation_until: text("creationUntil"),
            is_until_today: !text("creationToday").is_empty(),
            change_column: text("changeColumn"),
            change_offset: text("changeOffset"),
            change_unit: text("changeUnit"),
            text_length: text("textLength"),
        }
    }

    /// The columns that are named anywhere, each once.
    pub(super) fn named(&self) -> Vec<&String> {
        let mut named: Vec<&String> = Vec::new();
        for name in self.read.iter().chain(&self.hashed).chain(&self.key) {
            if !named.contains(&name) {
                named.push(name);
            }
        }
        named
    }

    pub(super) fn reads_all(&self) -> bool {
        !self.chooses
    }

    /// The units that can be chosen, and whether each is.
    pub(super) fn units(&self) -> Vec<(&'static str, &'static str, bool)> {
        UNITS.into_iter().map(|(unit, word)| (unit, word, unit == self.change_unit)).collect()
    }

    /// The table that the API would make of it.
    pub(super) fn to_table(&self, kept: &TableExtraction) -> Result<TableExtraction> {
        if self.chooses && self.read.is_empty() {
            return Err(Error::invalid("columns", "tick those that are to be read, or read all of them"));
        }
        let said = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
        let offset = match said(&self.change_offset) {
            Some(text) => {
                let parsed = text.trim().parse::<i64>();
                Some(parsed.map_err(|_| Error::invalid("changeDateOffset", "must be a whole number"))?)
            }
            None => None,
        };
        let column = |name: &String| {
            json!({
                "columnName": name, "anonymized": self.hashed.contains(name),
                "primaryKey": self.key.contains(name),
            })
        };
        let columns: Vec<Value> = self.named().into_iter().map(column).collect();
        let length =
            said(&self.text_length).map(|length| json!({"key": "MAX_STRING_LENGTH", "value": length.trim()}));
        let body = json!({
            "renameTargetTable": said(&self.target).is_some(), "targetTableName": said(&self.target),
            "columns": columns, "customizeColumnSelection": self.chooses, "useManualPKs": self.is_key_manual,
            "filterDefinition": said(&self.filter), "deltaFilterDefinition": said(&self.delta_filter),
            "creationDateColumn": said(self.creation_column.trim()),
            "creationDateValueStart": said(&self.creation_from),
            "creationDateValueEnd": said(&self.creation_until), "creationDateValueToday": self.is_until_today,
            "changeDateColumn": said(self.change_column.trim()), "changeDateOffset": offset,
            "changeDateOffsetType": said(&self.change_unit), "disabled": !self.is_enabled,
            "connectorSpecificConfiguration": length.into_iter().collect::<Vec<_>>(),
        });
        let request: TableExtractionRequest =
            serde_json::from_value(body).map_err(|error| Error::invalid("form", error.to_string()))?;
        request.into_table(Some(kept))
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::extraction::{ChangeDate, DateFilter, SourceTableName};

    use super::*;

    fn identifier(text: &str) -> Identifier {
        Identifier::parse("identifier", text).unwrap()
    }

    fn plain() -> TableExtraction {
        TableExtraction::new(SourceTableName { schema: Some(identifier("sap")), name: identifier("VBAK") })
    }

    fn full() -> TableExtraction {
        TableExtraction {
            target: Some(identifier("orders")),
            columns: ColumnChoice::Only(vec![identifier("VBELN"), identifier("ERNAM"), identifier("AEDAT")]),
            manual_key: vec![identifier("VBELN")],
            pseudonymised: vec![identifier("ERNAM")],
            filter: Some("MANDT = '100'".to_owned()),
            delta_filter: Some("AUART = 'TA'\nOR AUART = 'ZA'".to_owned()),
            creation_date: Some(DateFilter {
                column: identifier("ERDAT"),
                from: Some("<%=since%>".to_owned()),
                until: Some(TODAY.to_owned()),
            }),
            change_date: Some(ChangeDate { column: identifier("AEDAT"), offset_seconds: 5_400 }),
            max_string_length: Some(80),
            activation: Activation::Disabled,
            ..plain()
        }
    }

    #[test]
    fn what_is_shown_and_sent_back_changes_nothing() {
        for table in [plain(), full()] {
            assert_eq!(Fields::of(&table).to_table(&table).unwrap(), table);
        }
        // A key and a pseudonym of a table that is read whole are no choice of columns.
        let table = TableExtraction { columns: ColumnChoice::All, ..full() };
        assert_eq!(Fields::of(&table).to_table(&table).unwrap(), table);
    }

    #[test]
    fn columns_come_in_the_order_in_which_they_were_shown() {
        let form = [("read:10:c", "on"), ("read:2:b:x", "on"), ("read:0:a", "on"), ("columns", "CHOSEN")];
        let form = form.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let fields = Fields::filled(form);
        assert_eq!(fields.read, ["a", "b:x", "c"]);
        assert!(fields.chooses && !fields.is_enabled);
    }

    #[test]
    fn each_fault_names_its_field() {
        let check = |change: fn(&mut Fields), field: &str| {
            let mut fields = Fields::of(&plain());
            change(&mut fields);
            let error = fields.to_table(&plain()).unwrap_err();
            assert!(matches!(&error, Error::Invalid { field: found, .. } if found == field), "{error}");
        };
        check(|fields| fields.chooses = true, "columns");
        check(|fields| fields.is_key_manual = true, "useManualPKs");
        check(|fields| fields.target = "x".repeat(256), "targetTableName");
        check(|fields| fields.creation_from = "2024-01-01".to_owned(), "creationDateColumn");
        check(
            |fields| (fields.change_column, fields.change_offset) = ("c".to_owned(), "a day".to_owned()),
            "changeDateOffset",
        );
        check(
            |fields| (fields.change_column, fields.change_offset) = ("c".to_owned(), "-1".to_owned()),
            "changeDateOffset",
        );
        check(
            |fields| fields.text_length = "0".to_owned(),
            "connectorSpecificConfiguration.MAX_STRING_LENGTH",
        );
    }
}
