//! Constants of the type DATE: `{d '2024-02-29'}`, `{d '2024-02-29 12:34:56'}` and `{t 0}`.

use super::Parser;
use crate::error::PqlError;
use crate::lexer::Token;
use crate::query::Part;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// The years that DATE reaches over, without the last one.
const YEARS: std::ops::Range<i64> = 1400..10_000;

impl Parser<'_> {
    /// What follows the opening brace. A moment that DATE does not reach is NULL.
    pub(super) fn date(&mut self) -> Result<Part, PqlError> {
        let part = if self.takes("d") {
            let position = self.position();
            let Token::Text(text) = self.peek().clone() else {
                return Err(self.unexpected("a date in quotes"));
            };
            self.advance();
            match millis(&text) {
                Some(millis) => in_reach(millis),
                None => {
                    let reason =
                        format!("'{text}' is no date; write it as yyyy-MM-dd or yyyy-MM-dd HH:mm:ss");
                    return Err(PqlError::new(position, reason));
                }
            }
        } else if self.takes("t") {
            let negative = self.takes_mark("-");
            let millis = self.count()?;
            in_reach(if negative { -millis } else { millis })
        } else {
            return Err(self.unexpected("d or t"));
        };
        self.expect_mark("}")?;
        Ok(part)
    }
}

fn in_reach(millis: i64) -> Part {
    let begin = days(YEARS.start, 1, 1) * DAY_MILLIS;
    let end = days(YEARS.end, 1, 1) * DAY_MILLIS;
    if (begin..end).contains(&millis) { Part::Date(millis) } else { Part::Null }
}

/// Milliseconds since 1970-01-01; `None` for what is no date.
fn millis(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=length(year, month)).contains(&day) {
        return None;
    }
    let [hour, minute, second] = match time {
        Some(time) => numbers(time, ':', [2, 2, 2])?,
        None => [0, 0, 0],
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days(year, month, day) * DAY_MILLIS + ((hour * 60 + minute) * 60 + second) * 1000)
}

/// Three numbers, each of so many digits.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970-01-01 in the Gregorian calendar, also before there was one. Years from 0 on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Days from 0000-01-01 to a year's first of January.
    let to_year = |year: i64| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let to_month: i64 = (1..month).map(|month| length(year, month)).sum();
    to_year(year) - to_year(1970) + to_month + day - 1
}

/// The days of a month.
fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970_on() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(millis(text), expected, "{text}");
        check("1970-01-01", Some(0));
        check("1969-12-31 23:59:59", Some(-1000));
        check("2000-03-01", Some(951_868_800_000));
        check("2024-02-29 12:34:56", Some(1_709_210_096_000));
        check("1400-01-01", Some(-17_987_443_200_000));
        check("9999-12-31", Some(253_402_214_400_000));
        for wrong in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-1-01",
            "2024-01-01 24:00:00",
            "x",
            "",
            "2024-01-01T00:00:00",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_a_date_does_not_reach_is_null() {
        assert_eq!(in_reach(-17_987_443_200_001), Part::Null);
        assert_eq!(in_reach(-17_987_443_200_000), Part::Date(-17_987_443_200_000));
        assert_eq!(in_reach(253_402_300_800_000), Part::Null);
        assert_eq!(in_reach(i64::MIN + 1), Part::Null);
    }
}
