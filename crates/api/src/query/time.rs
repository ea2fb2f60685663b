//! Dates and times as ISO 8601 text, over the whole range of the warehouse, which is wider than that
//! of the usual libraries: years have a sign before 0 and after 9999, and there are two infinities.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{self as types, DataType, TimeUnit};

const DAY: i64 = 86_400;

/// The text of a date or time; `None` for columns of other types. Times with a zone are in UTC.
pub(super) fn text(column: &dyn Array, row: usize) -> Option<String> {
    Some(match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<types::Date32Type>().value(row);
            match days {
                i32::MAX => infinity(true),
                _ if days == -i32::MAX => infinity(false),
                _ => date(i64::from(days)),
            }
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            time_of_day(column.as_primitive::<types::Time64MicrosecondType>().value(row), 6)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            time_of_day(column.as_primitive::<types::Time64NanosecondType>().value(row), 9)
        }
        DataType::Timestamp(unit, zone) => {
            let (value, digits) = match unit {
                TimeUnit::Second => (column.as_primitive::<types::TimestampSecondType>().value(row), 0),
                TimeUnit::Millisecond => {
                    (column.as_primitive::<types::TimestampMillisecondType>().value(row), 3)
                }
                TimeUnit::Microsecond => {
                    (column.as_primitive::<types::TimestampMicrosecondType>().value(row), 6)
                }
                TimeUnit::Nanosecond => {
                    (column.as_primitive::<types::TimestampNanosecondType>().value(row), 9)
                }
            };
            timestamp(value, digits, zone.is_some())
        }
        _ => return None,
    })
}

fn infinity(positive: bool) -> String {
    (if positive { "infinity" } else { "-infinity" }).to_owned()
}

/// `value` counts units of which 10 to the power of `digits` are a second.
fn timestamp(value: i64, digits: u32, zoned: bool) -> String {
    if value == i64::MAX || value == -i64::MAX {
        return infinity(value > 0);
    }
    let day = DAY * 10_i64.pow(digits);
    let (days, rest) = (value.div_euclid(day), value.rem_euclid(day));
    let zone = if zoned { "Z" } else { "" };
    format!("{}T{}{zone}", date(days), time_of_day(rest, digits))
}

/// The end of the day is 24:00:00. A fraction has 3, 6 or 9 digits, as few as keep it.
fn time_of_day(value: i64, digits: u32) -> String {
    let unit = 10_i64.pow(digits);
    let (seconds, fraction) = (value / unit, value % unit);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let nanos = fraction * 10_i64.pow(9 - digits);
        let (shown, width) = if nanos % 1_000_000 == 0 {
            (nanos / 1_000_000, 3)
        } else if nanos % 1000 == 0 {
            (nanos / 1000, 6)
        } else {
            (nanos, 9)
        };
        text.push_str(&format!(".{shown:0width$}"));
    }
    text
}

/// The date of a number of days since 1970-01-01, in the Gregorian calendar in both directions.
fn date(days: i64) -> String {
    // Counted in eras of 400 years that begin on the first of March, so that the leap day is the
    // last of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_from_end_to_end() {
        let check = |days: i64, expected: &str| assert_eq!(date(days), expected);
        check(0, "1970-01-01");
        check(-1, "1969-12-31");
        check(19_782, "2024-02-29");
        check(11_016, "2000-02-29");
        check(-25_509, "1900-02-28");
        check(-25_508, "1900-03-01");
        check(2_932_896, "9999-12-31");
        check(2_932_897, "+10000-01-01");
        check(-719_528, "0000-01-01");
        check(-719_529, "-0001-12-31");
        check(2_147_483_646, "+5881580-07-10");
    }

    #[test]
    fn timestamps_keep_their_fraction_and_the_infinities() {
        let check = |micros: i64, expected: &str| assert_eq!(timestamp(micros, 6, false), expected);
        check(1_709_210_096_123_456, "2024-02-29T12:34:56.123456");
        check(1_709_210_096_500_000, "2024-02-29T12:34:56.500");
        check(1_709_210_096_000_000, "2024-02-29T12:34:56");
        check(-1, "1969-12-31T23:59:59.999999");
        check(i64::MAX, "infinity");
        check(-i64::MAX, "-infinity");
        check(i64::MAX - 1, "+294247-01-10T04:00:54.775806");
        assert_eq!(timestamp(0, 9, true), "1970-01-01T00:00:00Z");
        assert_eq!(time_of_day(86_400_000_000, 6), "24:00:00");
    }
}
