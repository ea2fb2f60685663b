//! What stands in the cells of a CSV file as the types of a table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use forebay_core::push::ValueFormat;

use super::convert::{Unfit, checked_cast};
use super::pattern::{Moment, Pattern, iso};

/// How the texts of one column are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    decimal: Option<String>,
    thousands: Option<String>,
    pattern: Option<Pattern>,
}

impl Reading {
    /// # Errors
    /// A sentence about an option that cannot be used.
    pub(crate) fn new(format: ValueFormat) -> Result<Self, String> {
        let pattern = match format.date_format.filter(|format| !format.is_empty()) {
            None => None,
            Some(format) => Some(
                Pattern::parse(&format)
                    .map_err(|reason| format!("csvParsingOptions.dateFormat: `{format}` {reason}"))?,
            ),
        };
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (mut decimal, thousands) = (some(format.decimal_separator), some(format.thousands_separator));
        if decimal.is_none() && thousands.as_deref() == Some(".") {
            decimal = Some(",".to_owned());
        }
        if decimal.is_some() && decimal == thousands {
            let text = "csvParsingOptions.thousandSeparator: must not be the decimal separator";
            return Err(text.to_owned());
        }
        Ok(Self { decimal, thousands, pattern })
    }

    /// A number with a point and without marks of thousands; `None` when it is none.
    fn number(&self, text: &str) -> Option<String> {
        let mut text = text.trim().to_owned();
        if let Some(thousands) = &self.thousands {
            text = text.replace(thousands.as_str(), "");
        }
        if let Some(decimal) = self.decimal.as_deref().filter(|decimal| *decimal != ".") {
            if text.contains('.') {
                return None;
            }
            text = text.replacen(decimal, ".", 1);
        }
        // Rust reads words like `inf` as well.
        let plain = text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte));
        (plain && text.bytes().any(|byte| byte.is_ascii_digit())).then_some(text)
    }

    fn moment(&self, text: &str) -> Option<Moment> {
        match &self.pattern {
            Some(pattern) => pattern.read(text),
            None => iso(text),
        }
    }
}

/// Texts as a type. What holds nothing but spaces is NULL, but for texts.
pub(crate) fn parsed(texts: &StringArray, target: &DataType, reading: &Reading) -> Result<ArrayRef, Unfit> {
    Ok(match target {
        DataType::Utf8 => Arc::new(texts.clone()),
        DataType::Boolean => {
            let values = each(texts, "is neither true nor false", truth)?;
            Arc::new(values.into_iter().collect::<BooleanArray>())
        }
        DataType::Float64 => {
            let read =
                |text: &str| reading.number(text)?.parse::<f64>().ok().filter(|value| value.is_finite());
            Arc::new(each(texts, "is no number", read)?.into_iter().collect::<Float64Array>())
        }
        DataType::Decimal128(precision, scale) => {
            let read = |text: &str| scaled(&reading.number(text)?, *precision, *scale);
            let reason = "is no number with so many digits";
            let values: Decimal128Array = each(texts, reason, read)?.into_iter().collect();
            Arc::new(values.with_data_type(target.clone()))
        }
        DataType::Date32 => {
            let read = |text: &str| reading.moment(text)?.days();
            Arc::new(each(texts, "is no date", read)?.into_iter().collect::<Date32Array>())
        }
        DataType::Time64(_) => {
            let read = |text: &str| reading.moment(text).or_else(|| iso(text))?.time_of_day();
            Arc::new(
                each(texts, "is no time of the day", read)?.into_iter().collect::<Time64MicrosecondArray>(),
            )
        }
        DataType::Timestamp(..) => {
            let read = |text: &str| reading.moment(text)?.micros();
            let values = each(texts, "is no date and time", read)?;
            Arc::new(values.into_iter().collect::<TimestampMicrosecondArray>())
        }
        number if number.is_integer() => {
            let read = |text: &str| scaled(&reading.number(text)?, 38, 0);
            let values: Decimal128Array = each(texts, "is no whole number", read)?.into_iter().collect();
            let wide: ArrayRef = Arc::new(values.with_data_type(DataType::Decimal128(38, 0)));
            checked_cast(&wide, target)?
        }
        DataType::Float32 => {
            let wide = parsed(texts, &DataType::Float64, reading)?;
            arrow::compute::cast(&wide, target).map_err(|error| Unfit::of_type(&error.to_string()))?
        }
        other => return Err(Unfit::of_type(&format!("texts cannot become {other}"))),
    })
}

/// Reads each text that says something.
fn each<T>(
    texts: &StringArray,
    reason: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, Unfit> {
    let mut values = Vec::with_capacity(texts.iter().len());
    for (row, text) in texts.iter().enumerate() {
        values.push(match text.filter(|text| !text.trim().is_empty()) {
            None => None,
            Some(text) => match read(text) {
                Some(value) => Some(value),
                None => return Err(Unfit { row: Some(row), value: text.to_owned(), reason }),
            },
        });
    }
    Ok(values)
}

fn truth(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "t", "yes", "y", "1"]) {
        Some(true)
    } else if is(["false", "f", "no", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// A number's digits at a scale; `None` when digits would be lost or are too many.
fn scaled(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What is left of the digits ends with one that counts.
    let kept = all.trim_start_matches('0').trim_end_matches('0');
    if kept.is_empty() {
        return Some(0);
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let after_point = i64::try_from(fraction.len()).ok()? - i64::try_from(zeros).ok()?;
    let shift = i64::from(scale) + i64::from(exponent) - after_point;
    let value: i128 = kept.parse().ok()?;
    let value = value.checked_mul(10_i128.checked_pow(u32::try_from(shift).ok()?)?)?;
    if value >= 10_i128.checked_pow(u32::from(precision))? {
        return None;
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::compute::cast;
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn reading(decimal: &str, thousands: &str, date: &str) -> Reading {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Reading::new(ValueFormat {
            decimal_separator: some(decimal),
            thousands_separator: some(thousands),
            date_format: some(date),
        })
        .unwrap()
    }

    #[track_caller]
    fn check(texts: &[&str], target: DataType, reading: &Reading, expected: Result<&[&str], &str>) {
        let array: StringArray = texts.iter().map(|text| Some(*text)).collect();
        let found = parsed(&array, &target, reading).map(|values| {
            let shown = cast(&values, &DataType::Utf8).unwrap();
            let shown = shown.as_string::<i32>();
            shown.iter().map(|value| value.unwrap_or("-").to_owned()).collect::<Vec<_>>()
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(unfit), Err(expected)) => assert_eq!(format!("{} {}", unfit.value, unfit.reason), expected),
            (found, _) => panic!("{texts:?} gave {:?}", found.map_err(|unfit| unfit.value)),
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_written_there() {
        let plain = Reading::default();
        check(&["1", " -2 ", "", "3.0"], DataType::Int64, &plain, Ok(&["1", "-2", "-", "3"]));
        check(&["1.5"], DataType::Int64, &plain, Err("1.5 is no whole number"));
        check(&["1,000"], DataType::Int64, &plain, Err("1,000 is no whole number"));
        check(&["300"], DataType::Int8, &plain, Err("300 does not fit"));
        check(&["1e3", "-0.25"], DataType::Float64, &plain, Ok(&["1000.0", "-0.25"]));
        check(&["inf"], DataType::Float64, &plain, Err("inf is no number"));
        let german = reading(",", ".", "");
        check(&["1.234.567,5", "-0,25"], DataType::Float64, &german, Ok(&["1234567.5", "-0.25"]));
        let french = reading("", ".", "");
        check(&["1.234,5"], DataType::Decimal128(18, 2), &french, Ok(&["1234.50"]));
        check(&["0.125"], DataType::Decimal128(18, 2), &plain, Err("0.125 is no number with so many digits"));
    }

    #[test]
    fn truths_dates_and_times_are_read() {
        let plain = Reading::default();
        check(&["TRUE", "n", "1"], DataType::Boolean, &plain, Ok(&["true", "false", "true"]));
        check(&["maybe"], DataType::Boolean, &plain, Err("maybe is neither true nor false"));
        check(&["2024-02-29"], DataType::Date32, &plain, Ok(&["2024-02-29"]));
        check(&["2024-02-29 01:00"], DataType::Date32, &plain, Err("2024-02-29 01:00 is no date"));
        let of_day = DataType::Time64(TimeUnit::Microsecond);
        check(&["12:34:56"], of_day, &plain, Ok(&["12:34:56"]));
        let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
        let dotted = reading("", "", "dd.MM.yyyy HH:mm");
        check(&["29.02.2024 12:34"], moment.clone(), &dotted, Ok(&["2024-02-29T12:34:00"]));
        check(&["2024-02-29"], moment, &dotted, Err("2024-02-29 is no date and time"));
    }

    #[test]
    fn an_option_that_cannot_be_used_is_named() {
        let format = ValueFormat { date_format: Some("yyyy".to_owned()), ..ValueFormat::default() };
        let error = Reading::new(format).unwrap_err();
        assert!(error.starts_with("csvParsingOptions.dateFormat: `yyyy` must have"), "{error}");
        let mark = Some(",".to_owned());
        let format =
            ValueFormat { decimal_separator: mark.clone(), thousands_separator: mark, date_format: None };
        assert!(Reading::new(format).unwrap_err().starts_with("csvParsingOptions.thousandSeparator"));
    }

    #[test]
    fn digits_are_exact_or_refused() {
        for (text, expected) in [
            ("1.10", Some(110)),
            ("-12.5", Some(-1250)),
            ("1e3", Some(100_000)),
            ("120e-1", Some(1200)),
            ("0.000", Some(0)),
            (".5", Some(50)),
            ("5.", Some(500)),
            ("1.001", None),
            ("1.2.3", None),
            ("", None),
            (".", None),
            ("99999999", Some(9_999_999_900)),
            ("100000000", None),
        ] {
            assert_eq!(scaled(text, 10, 2), expected, "{text}");
        }
        assert_eq!(scaled(&"9".repeat(38), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(scaled(&"9".repeat(39), 38, 0), None);
        assert_eq!(scaled(&format!("1{}", "0".repeat(400)), 38, 0), None);
    }
}
