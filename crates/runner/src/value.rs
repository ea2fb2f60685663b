//! The value of a parameter, and how it is written where it stands.
//!
//! A constant is text that its owner wrote to stand in SQL, so it stands as it is. The values of a
//! dynamic parameter are rows of a table: they are data, and no row can end the quotes it stands in
//! or become SQL.

use forebay_core::name::quote;
use forebay_core::parameter::{ParameterOrigin, ParameterType};
use forebay_core::spec::ParameterSpec;

use crate::scan::Within;

/// A parameter's checked values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    name: String,
    kind: ParameterType,
    trust: Trust,
    /// Never empty.
    texts: Vec<String>,
}

/// Whether a value may be SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Sql,
    Data,
}

impl Value {
    /// # Errors
    /// No values, or one that its type does not allow.
    pub(crate) fn new(parameter: &ParameterSpec, values: &[String]) -> Result<Self, String> {
        let name = &parameter.placeholder;
        let kind = parameter.data_type;
        let texts = match kind {
            ParameterType::Null => vec!["NULL".to_owned()],
            ParameterType::Int | ParameterType::ListInt => numbers(name, values, "whole number", is_whole)?,
            ParameterType::Double | ParameterType::ListDouble => numbers(name, values, "number", is_number)?,
            ParameterType::Date
            | ParameterType::String
            | ParameterType::Column
            | ParameterType::QualifiedColumn
            | ParameterType::ListString => values.to_vec(),
        };
        if texts.is_empty() {
            return Err(format!("parameter {name} has no value; set its value or a default value"));
        }
        let trust = match parameter.origin {
            ParameterOrigin::Constant => Trust::Sql,
            ParameterOrigin::Dynamic(_) => Trust::Data,
        };
        Ok(Self { name: name.clone(), kind, trust, texts })
    }

    /// The values as they are.
    pub(crate) fn plain(&self) -> String {
        self.texts.join(", ")
    }

    /// The values as SQL, for the place where they stand.
    ///
    /// # Errors
    /// A row's value that would end the dollar quotes it stands in.
    pub(crate) fn sql(&self, within: Within) -> Result<String, String> {
        Ok(match within {
            Within::Code => self.code(),
            Within::Text | Within::EscapedText => self.text(within),
            Within::DollarText if self.trust == Trust::Data && self.plain().contains('$') => {
                return Err(format!(
                    "the value of parameter {} has a `$`, which could end the dollar quotes around it; use single quotes",
                    self.name
                ));
            }
            Within::DollarText => self.plain(),
            Within::Name if self.trust == Trust::Data => self.plain().replace('"', "\"\""),
            Within::Name => self.plain(),
            // A value must not end the comment that it stands in.
            Within::LineComment => self.plain().replace(['\n', '\r'], " "),
            Within::BlockComment => self.plain().replace("*/", "* /").replace("/*", "/ *"),
        })
    }

    fn code(&self) -> String {
        let write: fn(&String) -> String = match (self.kind, self.trust) {
            (ParameterType::ListString, _) | (ParameterType::String | ParameterType::Date, Trust::Data) => {
                |text| format!("'{}'", text.replace('\'', "''"))
            }
            (ParameterType::Column, Trust::Data) => |text| quote(text),
            (ParameterType::QualifiedColumn, Trust::Data) => {
                |text| text.split('.').map(quote).collect::<Vec<_>>().join(".")
            }
            (
                ParameterType::String
                | ParameterType::Date
                | ParameterType::Column
                | ParameterType::QualifiedColumn,
                Trust::Sql,
            )
            | (
                ParameterType::Int
                | ParameterType::ListInt
                | ParameterType::Double
                | ParameterType::ListDouble
                | ParameterType::Null,
                _,
            ) => String::clone,
        };
        self.texts.iter().map(write).collect::<Vec<_>>().join(", ")
    }

    /// Inside single quotes. The values of a list each get quotes: the first and the last of them
    /// stand in the text already.
    fn text(&self, within: Within) -> String {
        let is_list = self.kind == ParameterType::ListString;
        if self.trust == Trust::Sql && !is_list {
            return self.plain();
        }
        let write = |text: &String| {
            let text = text.replace('\'', "''");
            if within == Within::EscapedText { text.replace('\\', "\\\\") } else { text }
        };
        let between = if is_list { "', '" } else { ", " };
        self.texts.iter().map(write).collect::<Vec<_>>().join(between)
    }
}

fn numbers(name: &str, values: &[String], kind: &str, good: fn(&str) -> bool) -> Result<Vec<String>, String> {
    let mut numbers = Vec::with_capacity(values.len());
    for value in values {
        let trimmed = value.trim();
        if !good(trimmed) {
            return Err(format!("parameter {name}: `{value}` is no {kind}; correct its value or its type"));
        }
        numbers.push(trimmed.to_owned());
    }
    Ok(numbers)
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    // Rust reads words like `inf` as well; SQL would take them for names.
    text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte)) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use forebay_core::name::Identifier;
    use forebay_core::parameter::{DynamicOperation, DynamicValue};

    use super::*;

    fn constant(kind: ParameterType, values: &[&str]) -> Result<Value, String> {
        made(kind, ParameterOrigin::Constant, values)
    }

    fn dynamic(kind: ParameterType, values: &[&str]) -> Value {
        let name = |text| Identifier::parse("name", text).unwrap();
        let origin = DynamicValue {
            operation: DynamicOperation::List,
            connection_id: None,
            table: name("t"),
            column: name("c"),
        };
        made(kind, ParameterOrigin::Dynamic(origin), values).unwrap()
    }

    fn made(kind: ParameterType, origin: ParameterOrigin, values: &[&str]) -> Result<Value, String> {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let spec = ParameterSpec { placeholder: "p".to_owned(), data_type: kind, origin, values };
        Value::new(&spec, &spec.values)
    }

    #[test]
    fn a_constant_stands_as_its_owner_wrote_it() {
        let check = |kind, values: &[&str], within, expected: &str| {
            assert_eq!(constant(kind, values).unwrap().sql(within).unwrap(), expected);
        };
        check(ParameterType::String, &["a b"], Within::Code, "a b");
        check(ParameterType::String, &["O''Brien"], Within::Text, "O''Brien");
        check(ParameterType::Date, &["DATE '2024-01-31'"], Within::Code, "DATE '2024-01-31'");
        check(ParameterType::Column, &["order id"], Within::Name, "order id");
        check(ParameterType::Int, &[" 7 "], Within::Code, "7");
        check(ParameterType::ListInt, &["1", "-2"], Within::Code, "1, -2");
        check(ParameterType::Double, &["1.5e3"], Within::Code, "1.5e3");
        check(ParameterType::ListString, &["a", "it's"], Within::Code, "'a', 'it''s'");
        check(ParameterType::ListString, &["a", "it's"], Within::Text, "a', 'it''s");
        check(ParameterType::Null, &[], Within::Code, "NULL");
        check(ParameterType::String, &["a\nb"], Within::LineComment, "a b");
        check(ParameterType::String, &["a*/b"], Within::BlockComment, "a* /b");
    }

    #[test]
    fn the_rows_of_a_table_never_become_sql() {
        let check = |kind, values: &[&str], within, expected: &str| {
            assert_eq!(dynamic(kind, values).sql(within).unwrap(), expected);
        };
        check(ParameterType::String, &["x'; DROP"], Within::Code, "'x''; DROP'");
        check(ParameterType::String, &["x'; DROP"], Within::Text, "x''; DROP");
        check(ParameterType::String, &["x\\' DROP"], Within::EscapedText, "x\\\\'' DROP");
        check(ParameterType::Date, &["2024-01-31"], Within::Code, "'2024-01-31'");
        check(ParameterType::Date, &["2024-01-31"], Within::Text, "2024-01-31");
        check(ParameterType::Column, &["a\"b"], Within::Code, "\"a\"\"b\"");
        check(ParameterType::Column, &["a\"b"], Within::Name, "a\"\"b");
        check(ParameterType::QualifiedColumn, &["t.c"], Within::Code, "\"t\".\"c\"");
        check(ParameterType::ListString, &["a", "b'"], Within::Code, "'a', 'b'''");
        check(ParameterType::Int, &["7"], Within::Code, "7");
        let error = dynamic(ParameterType::String, &["$$"]).sql(Within::DollarText).unwrap_err();
        assert!(error.contains("single quotes"), "{error}");
    }

    #[test]
    fn a_value_that_its_type_does_not_allow_is_named() {
        for (kind, value) in [
            (ParameterType::Int, "1.5"),
            (ParameterType::Int, "1 OR 1=1"),
            (ParameterType::ListInt, ""),
            (ParameterType::Double, "inf"),
            (ParameterType::Double, "1,5"),
        ] {
            let error = constant(kind, &[value]).unwrap_err();
            assert!(error.contains("parameter p") && error.contains(&format!("`{value}`")), "{error}");
        }
        let error = constant(ParameterType::String, &[]).unwrap_err();
        assert!(error.contains("has no value"), "{error}");
    }
}
