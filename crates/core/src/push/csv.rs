//! How a CSV file of a push is written.

use serde::{Deserialize, Serialize};

use crate::name::Identifier;

/// How a CSV file is written. What is not said: commas, double quotes that are doubled inside quotes, any end of
/// lines, UTF-8, a decimal point, no mark of thousands, dates as ISO 8601 has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    pub escape: Option<String>,
    pub quote: Option<String>,
    pub separator: Option<String>,
    pub line_ending: Option<String>,
    pub charset: Option<String>,
    pub decimal_separator: Option<String>,
    pub thousands_separator: Option<String>,
    pub date_format: Option<String>,
    pub columns: Vec<CsvColumnOptions>,
}

impl CsvOptions {
    /// How the values of a column are written.
    #[must_use]
    pub fn of_column(&self, name: &str) -> ValueFormat {
        let own = self.columns.iter().find(|column| column.name.as_str().eq_ignore_ascii_case(name));
        let pick = |own: Option<&Option<String>>, common: &Option<String>| {
            own.and_then(Option::as_ref).or(common.as_ref()).cloned()
        };
        ValueFormat {
            decimal_separator: pick(own.map(|own| &own.decimal_separator), &self.decimal_separator),
            thousands_separator: pick(own.map(|own| &own.thousands_separator), &self.thousands_separator),
            date_format: pick(own.map(|own| &own.date_format), &self.date_format),
        }
    }
}

/// What is different in one column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvColumnOptions {
    pub name: Identifier,
    pub decimal_separator: Option<String>,
    pub thousands_separator: Option<String>,
    pub date_format: Option<String>,
}

/// How numbers and dates are written as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueFormat {
    pub decimal_separator: Option<String>,
    pub thousands_separator: Option<String>,
    /// A pattern of letters; see the documentation of data pushes.
    pub date_format: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_s_own_format_counts_before_the_file_s() {
        let own = CsvColumnOptions {
            name: Identifier::parse("name", "amount").unwrap(),
            decimal_separator: Some(",".to_owned()),
            thousands_separator: None,
            date_format: None,
        };
        let options = CsvOptions {
            decimal_separator: Some(".".to_owned()),
            date_format: Some("dd.MM.yyyy".to_owned()),
            columns: vec![own],
            ..CsvOptions::default()
        };
        let format = options.of_column("AMOUNT");
        assert_eq!(format.decimal_separator.as_deref(), Some(","));
        assert_eq!(format.date_format.as_deref(), Some("dd.MM.yyyy"));
        assert_eq!(options.of_column("other").decimal_separator.as_deref(), Some("."));
    }
}
