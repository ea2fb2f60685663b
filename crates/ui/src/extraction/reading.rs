//! What the source is asked for, in words: by its own SQL only once an execution has reached it.

use std::collections::BTreeSet;

use forebay_core::extraction::{ColumnChoice, TODAY, TableExtraction};
use forebay_core::parameter::{DynamicOperation, ParameterOrigin};
use forebay_core::spec::ParameterSpec;

use super::super::words::{listed, number};
use forebay_api::in_units;

/// What stands before the name of a connection in SQL, and before what the server fills in itself.
const NO_PARAMETERS: [&str; 2] = ["DATASOURCE:", "FOREBAY:"];

/// What is read of a table.
pub(crate) struct Reading {
    /// In FULL and DELTA.
    pub(crate) always: Vec<String>,
    /// In DELTA, beside that.
    pub(crate) delta: Vec<String>,
}

/// A parameter that the settings of a table use.
pub(super) struct Used {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_known: bool,
}

impl Reading {
    pub(crate) fn of(table: &TableExtraction) -> Self {
        let mut always = vec![match &table.columns {
            ColumnChoice::All => "all columns".to_owned(),
            ColumnChoice::Only(columns) => format!("the columns {}", listed(columns)),
        }];
        if !table.pseudonymised.is_empty() {
            always.push(format!("{} pseudonymised", listed(&table.pseudonymised)));
        }
        always.extend(table.filter.as_ref().map(|filter| format!("where {filter}")));
        if let Some(bounds) = &table.creation_date {
            let from = bounds.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
            let until = match bounds.until.as_deref() {
                Some(TODAY) => " until the end of the day on which it is executed".to_owned(),
                Some(until) => format!(" until {until}"),
                None => String::new(),
            };
            always.push(format!("where {} lies{from}{until}", bounds.column));
        }
        if let Some(length) = table.max_string_length {
            always.push(format!("texts cut after {} characters", number(u64::from(length))));
        }
        Self { always, delta: delta(table) }
    }
}

fn delta(table: &TableExtraction) -> Vec<String> {
    let mut delta = Vec::new();
    if let Some(change) = &table.change_date {
        let offset = match in_units(change.offset_seconds) {
            (0, _) => String::new(),
            (1, unit) => format!(" less 1 {}", unit.to_lowercase().trim_end_matches('s')),
            (offset, unit) => format!(" less {offset} {}", unit.to_lowercase()),
        };
        delta.push(format!("where {} is newer than the newest value that was read{offset}", change.column));
    }
    delta.extend(table.delta_filter.as_ref().map(|filter| format!("where {filter}")));
    if delta.is_empty() {
        delta.push("nothing says what is new, so the whole table is read, unless it is as it was".to_owned());
    }
    delta
}

/// The key by which a DELTA merges.
pub(crate) fn key_in_words(table: &TableExtraction) -> String {
    match table.manual_key.as_slice() {
        [] => "the source's primary key; without one, changes are added and a table read whole is replaced"
            .to_owned(),
        key => format!("{}, set by hand", listed(key)),
    }
}

/// The parameters that the texts of a table name.
pub(super) fn used(table: &TableExtraction, parameters: &[ParameterSpec]) -> Vec<Used> {
    let bounds = table.creation_date.iter().flat_map(|bounds| [&bounds.from, &bounds.until]);
    let texts = [&table.filter, &table.delta_filter].into_iter().chain(bounds).flatten();
    let names: BTreeSet<&str> = texts.flat_map(|text| places(text)).collect();
    let names = names.into_iter().filter(|name| !NO_PARAMETERS.iter().any(|begin| name.starts_with(begin)));
    let of = |name: &str| {
        let found = parameters.iter().find(|parameter| parameter.placeholder == name);
        Used {
            name: name.to_owned(),
            is_known: found.is_some(),
            value: match found {
                Some(parameter) => value_in_words(&parameter.origin, &parameter.values),
                None => "is no parameter of this task or its data pool".to_owned(),
            },
        }
    };
    names.map(of).collect()
}

/// What stands between `<%=` and `%>`, on one line.
fn places(text: &str) -> Vec<&str> {
    let parts = text.split("<%=").skip(1);
    parts
        .filter_map(|part| Some(part.split_once("%>")?.0.trim()))
        .filter(|name| !name.contains('\n'))
        .collect()
}

/// The values of a parameter, as an execution would begin with them.
pub(crate) fn value_in_words(origin: &ParameterOrigin, values: &[String]) -> String {
    match origin {
        ParameterOrigin::Constant => values.join(", "),
        ParameterOrigin::Dynamic(dynamic) => {
            let what = match dynamic.operation {
                DynamicOperation::FindMax => "the largest value",
                DynamicOperation::FindMin => "the smallest value",
                DynamicOperation::List => "all values",
            };
            format!("{what} of {}.{} in the pool, found when it is executed", dynamic.table, dynamic.column)
        }
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::extraction::{ChangeDate, SourceTableName};
    use forebay_core::name::Identifier;
    use forebay_core::parameter::ParameterType;

    use super::*;

    fn identifier(text: &str) -> Identifier {
        Identifier::parse("identifier", text).unwrap()
    }

    fn table(filter: &str, offset_seconds: Option<i64>) -> TableExtraction {
        let column = identifier("AEDAT");
        TableExtraction {
            filter: Some(filter.to_owned()),
            change_date: offset_seconds.map(|offset_seconds| ChangeDate { column, offset_seconds }),
            ..TableExtraction::new(SourceTableName { schema: None, name: identifier("VBAK") })
        }
    }

    #[test]
    fn what_is_read_is_said_in_words() {
        let check = |offset, expected: &str| assert_eq!(Reading::of(&table("x", offset)).delta, [expected]);
        check(None, "nothing says what is new, so the whole table is read, unless it is as it was");
        check(Some(0), "where AEDAT is newer than the newest value that was read");
        check(Some(3_600), "where AEDAT is newer than the newest value that was read less 1 hour");
        check(Some(172_800), "where AEDAT is newer than the newest value that was read less 2 days");
        assert_eq!(Reading::of(&table("x = 1", None)).always, ["all columns", "where x = 1"]);
    }

    #[test]
    fn parameters_are_found_where_they_stand() {
        let known = ParameterSpec {
            placeholder: "since".to_owned(),
            data_type: ParameterType::Date,
            origin: ParameterOrigin::Constant,
            values: vec!["2024-01-01".to_owned()],
        };
        let text = "a > '<%= since %>' AND b IN (<%=other%>) AND c = <%=DATASOURCE:ERP%>.x AND '<%=open";
        let found = used(&table(text, None), &[known]);
        let found: Vec<_> = found.iter().map(|used| (used.name.as_str(), used.is_known)).collect();
        assert_eq!(found, [("other", false), ("since", true)]);
    }
}
