//! The type that all cells of a CSV column have, found by looking at every one of them.
//!
//! A type is taken only when each cell can be written back from it without a loss, so `00123`, `+49`
//! and `1,5` stay text.

use std::fmt;
use std::str::FromStr;

use arrow::datatypes::{DataType, TimeUnit};

use crate::iso;

/// The most digits of a decimal number.
const DIGITS: usize = 38;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Boolean,
    Integer,
    Decimal(u8, i8),
    Double,
    Date,
    Timestamp,
    Text,
}

impl Kind {
    pub(in super::super) fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Text => DataType::Utf8,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => formatter.write_str("BOOLEAN"),
            Self::Integer => formatter.write_str("BIGINT"),
            Self::Decimal(precision, scale) => write!(formatter, "DECIMAL({precision},{scale})"),
            Self::Double => formatter.write_str("DOUBLE"),
            Self::Date => formatter.write_str("DATE"),
            Self::Timestamp => formatter.write_str("TIMESTAMP"),
            Self::Text => formatter.write_str("VARCHAR"),
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "BOOLEAN" => Self::Boolean,
            "BIGINT" => Self::Integer,
            "DOUBLE" => Self::Double,
            "DATE" => Self::Date,
            "TIMESTAMP" => Self::Timestamp,
            "VARCHAR" => Self::Text,
            _ => {
                let arguments = text.strip_prefix("DECIMAL(").and_then(|rest| rest.strip_suffix(')'));
                let (precision, scale) =
                    arguments.and_then(|arguments| arguments.split_once(',')).ok_or(())?;
                Self::Decimal(precision.parse().map_err(|_| ())?, scale.parse().map_err(|_| ())?)
            }
        })
    }
}

/// What the cells seen so far can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    /// Whether a cell with something in it was seen.
    seen: bool,
    boolean: bool,
    integer: bool,
    decimal: bool,
    double: bool,
    date: bool,
    timestamp: bool,
    /// Whether a time with a zone, and one without, was seen.
    zoned: bool,
    unzoned: bool,
    /// The most digits before and after the point.
    whole: usize,
    fraction: usize,
}

impl Guess {
    /// No cell was seen.
    pub(super) const fn new() -> Self {
        Self {
            seen: false,
            boolean: true,
            integer: true,
            decimal: true,
            double: true,
            date: true,
            timestamp: true,
            zoned: false,
            unzoned: false,
            whole: 0,
            fraction: 0,
        }
    }

    /// As if cells of this type had been seen.
    pub(super) fn of(kind: Kind) -> Self {
        let none = Self {
            seen: true,
            boolean: false,
            integer: false,
            decimal: false,
            double: false,
            date: false,
            timestamp: false,
            ..Self::new()
        };
        match kind {
            Kind::Boolean => Self { boolean: true, ..none },
            Kind::Integer => Self { integer: true, decimal: true, whole: 19, ..none },
            Kind::Decimal(precision, scale) => {
                let fraction = usize::from(scale.unsigned_abs());
                let whole = usize::from(precision).saturating_sub(fraction);
                Self { decimal: true, whole, fraction, ..none }
            }
            Kind::Double => Self { double: true, ..none },
            Kind::Date => Self { date: true, timestamp: true, unzoned: true, ..none },
            Kind::Timestamp => Self { timestamp: true, ..none },
            Kind::Text => none,
        }
    }

    /// Looks at a cell that is not empty.
    pub(super) fn see(&mut self, cell: &str) {
        self.seen = true;
        if self.boolean {
            self.boolean = boolean(cell).is_some();
        }
        if self.integer || self.decimal || self.double {
            self.see_number(cell);
        }
        if self.timestamp {
            self.see_time(cell);
        }
    }

    fn see_number(&mut self, cell: &str) {
        let Some(number) = Number::of(cell) else {
            (self.integer, self.decimal, self.double) = (false, false, false);
            return;
        };
        let lost_sign = number.negative && number.zero;
        let plain = !number.exponent && !lost_sign;
        self.integer = self.integer && plain && number.fraction == 0 && cell.parse::<i64>().is_ok();
        self.whole = self.whole.max(number.whole);
        self.fraction = self.fraction.max(number.fraction);
        self.decimal = self.decimal && plain && self.whole + self.fraction <= DIGITS;
        if self.double {
            // Fifteen digits always come back from a 64-bit float.
            let short = !number.exponent && number.whole + number.fraction <= 15;
            self.double = short || comes_back(cell);
        }
    }

    fn see_time(&mut self, cell: &str) {
        let date = iso::date(cell).is_some();
        self.date &= date;
        if date {
            self.unzoned = true;
        } else {
            match iso::timestamp(cell) {
                Some((_, true)) => self.zoned = true,
                Some((_, false)) => self.unzoned = true,
                None => self.timestamp = false,
            }
        }
    }

    /// What all cells of both can be.
    pub(super) fn and(&self, other: &Self) -> Self {
        let (whole, fraction) = (self.whole.max(other.whole), self.fraction.max(other.fraction));
        Self {
            seen: self.seen || other.seen,
            boolean: self.boolean && other.boolean,
            integer: self.integer && other.integer,
            decimal: self.decimal && other.decimal && whole + fraction <= DIGITS,
            double: self.double && other.double,
            date: self.date && other.date,
            timestamp: self.timestamp && other.timestamp,
            zoned: self.zoned || other.zoned,
            unzoned: self.unzoned || other.unzoned,
            whole,
            fraction,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        if !self.seen {
            return Kind::Text;
        }
        if self.boolean {
            return Kind::Boolean;
        }
        if self.integer {
            return Kind::Integer;
        }
        if self.decimal
            && let (Ok(precision), Ok(scale)) =
                (u8::try_from((self.whole + self.fraction).max(1)), i8::try_from(self.fraction))
        {
            return Kind::Decimal(precision, scale);
        }
        if self.double {
            Kind::Double
        } else if self.date {
            Kind::Date
        } else if self.timestamp && !(self.zoned && self.unzoned) {
            Kind::Timestamp
        } else {
            Kind::Text
        }
    }
}

/// `true` or `false`, in any case of letters.
pub(super) fn boolean(cell: &str) -> Option<bool> {
    if cell.eq_ignore_ascii_case("true") {
        Some(true)
    } else if cell.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A number taken apart: `-12.50e3`, without leading zeros and without a plus sign.
struct Number {
    negative: bool,
    /// All digits are zero.
    zero: bool,
    /// Digits before and after the point.
    whole: usize,
    fraction: usize,
    exponent: bool,
}

impl Number {
    fn of(cell: &str) -> Option<Self> {
        let (negative, rest) = match cell.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, cell),
        };
        let (whole, rest) = digits(rest);
        let leading_zero = whole.starts_with('0');
        if leading_zero && whole.len() > 1 {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(rest) => match digits(rest) {
                ("", _) => return None,
                (fraction, rest) => (fraction, rest),
            },
            None if whole.is_empty() => return None,
            None => ("", rest),
        };
        let exponent = match rest.strip_prefix(['e', 'E']) {
            Some(exponent) => match digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) {
                ("", _) => return None,
                (_, "") => true,
                _ => return None,
            },
            None if rest.is_empty() => false,
            None => return None,
        };
        let zero = whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
        // A zero before the point is no digit that needs room.
        let whole = if leading_zero { 0 } else { whole.len() };
        Some(Self { negative, zero, whole, fraction: fraction.len(), exponent })
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// Whether a 64-bit float, written in its shortest form, is the same number again.
fn comes_back(cell: &str) -> bool {
    let Ok(value) = cell.parse::<f64>() else { return false };
    value.is_finite() && normal(cell).is_some() && normal(cell) == normal(&format!("{value:e}"))
}

/// Sign, significant digits and the power of ten of the last one.
fn normal(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let negative = mantissa.starts_with('-');
    let (whole, fraction) =
        mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
    let all = format!("{whole}{fraction}");
    let kept = all.trim_end_matches('0');
    let power = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(all.len() - kept.len()).ok()?)?;
    let kept = kept.trim_start_matches('0');
    Some((negative, kept.to_owned(), if kept.is_empty() { 0 } else { power }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(cells: &[&str]) -> Guess {
        let mut guess = Guess::new();
        cells.iter().for_each(|cell| guess.see(cell));
        guess
    }

    #[track_caller]
    fn check(cells: &[&str], expected: Kind) {
        assert_eq!(guess(cells).kind(), expected, "{cells:?}");
        // Two files give the same type as one, in any order.
        for middle in 0..=cells.len() {
            let (one, two) = (guess(&cells[..middle]), guess(&cells[middle..]));
            assert_eq!(one.and(&two).kind(), expected, "{cells:?} cut at {middle}");
            assert_eq!(two.and(&one).kind(), expected, "{cells:?} cut at {middle}");
        }
    }

    #[test]
    fn a_type_is_one_that_keeps_every_cell() {
        check(&[], Kind::Text);
        check(&["true", "FALSE"], Kind::Boolean);
        check(&["1", "0"], Kind::Integer);
        check(&["9223372036854775807", "-9223372036854775808"], Kind::Integer);
        check(&["9223372036854775808"], Kind::Decimal(19, 0));
        check(&["1", "2.50"], Kind::Decimal(3, 2));
        check(&["0.5", ".25", "0"], Kind::Decimal(2, 2));
        check(&["0", "1.0"], Kind::Decimal(2, 1));
        check(&["123456789.1", "0.123456789012345678901234567890"], Kind::Text);
        check(&["1e5", "2.5"], Kind::Double);
        check(&["1.7976931348623157e308", "5e-324", "-0.0"], Kind::Double);
        check(&["0.1", "1e-7"], Kind::Double);
        check(&["0.12345678901234567890", "1e5"], Kind::Text);
        check(&["1e400"], Kind::Text);
        check(&["2024-01-31", "0001-01-01"], Kind::Date);
        check(&["2024-01-31", "2024-01-31 10:00"], Kind::Timestamp);
        check(&["2024-01-31T10:00:00.123456Z", "2024-01-31 10:00:00+02:00"], Kind::Timestamp);
        check(&["2024-01-31 10:00:00", "2024-01-31 10:00:00Z"], Kind::Text);
        check(&["2024-01-31", "2024-01-31 10:00:00Z"], Kind::Text);
        check(&["2024-01-31 10:00:00.1234567"], Kind::Text);
        check(&["2024-02-30"], Kind::Text);
    }

    #[test]
    fn what_would_lose_something_stays_text() {
        for cell in ["00123", "+49", "1,5", "1 000", "0x1F", "NaN", "inf", "5.", "-", ".", "1e", " 1", "yes"]
        {
            check(&[cell], Kind::Text);
        }
        check(&["-0"], Kind::Double);
        check(&["1", "x"], Kind::Text);
        check(&["true", "1"], Kind::Text);
        check(&["2024-01-31", "1"], Kind::Text);
    }

    #[test]
    fn a_type_once_taken_only_widens() {
        let widened = |kind: Kind, cells: &[&str]| Guess::of(kind).and(&guess(cells)).kind();
        assert_eq!(widened(Kind::Integer, &[]), Kind::Integer);
        assert_eq!(widened(Kind::Decimal(7, 2), &["1.234"]), Kind::Decimal(8, 3));
        assert_eq!(widened(Kind::Decimal(7, 2), &["1"]), Kind::Decimal(7, 2));
        assert_eq!(widened(Kind::Date, &["2024-01-31 10:00"]), Kind::Timestamp);
        assert_eq!(widened(Kind::Timestamp, &["2024-01-31"]), Kind::Timestamp);
        assert_eq!(widened(Kind::Text, &["1"]), Kind::Text);
        assert_eq!(widened(Kind::Double, &["1"]), Kind::Double);
        for kind in [
            Kind::Boolean,
            Kind::Integer,
            Kind::Decimal(38, 10),
            Kind::Double,
            Kind::Date,
            Kind::Timestamp,
            Kind::Text,
        ] {
            assert_eq!(Guess::of(kind).kind(), kind);
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }
}
