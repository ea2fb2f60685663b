//! Dates and times as text: by a pattern of letters, or as ISO 8601 writes them.
//!
//! The letters are those of Java (`dd.MM.yyyy HH:mm:ss`); a pattern with `MI` or `HH24` is read as databases
//! write theirs (`YYYY-MM-DD HH24:MI:SS`).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A pattern, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// With so many digits at least.
    Number(Part, usize),
    MonthName,
    DayName,
    /// Whether it is after noon.
    Half,
    /// `Z`, `+02`, `+0200` or `+02:00`.
    Zone,
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    /// Of this century or the last.
    ShortYear,
    Month,
    Day,
    Hour,
    HalfHour,
    Minute,
    Second,
    Fraction,
}

impl Part {
    const fn most_digits(self) -> usize {
        match self {
            Self::Year => 4,
            Self::Fraction => 9,
            Self::ShortYear
            | Self::Month
            | Self::Day
            | Self::Hour
            | Self::HalfHour
            | Self::Minute
            | Self::Second => 2,
        }
    }
}

/// A moment as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    date: Option<Date>,
    time: Time,
    offset: Option<Offset>,
}

impl Moment {
    /// Days since 1970-01-01, of a day without a time.
    pub(crate) fn days(&self) -> Option<i32> {
        let micros = self.micros()?;
        if micros % DAY == 0 { i32::try_from(micros / DAY).ok() } else { None }
    }

    /// Microseconds since 1970-01-01, in UTC where the text has a zone.
    pub(crate) fn micros(&self) -> Option<i64> {
        let moment = self.date?.to_datetime(self.time);
        let offset = self.offset.unwrap_or(Offset::UTC);
        let nanos = offset.to_timestamp(moment).ok()?.as_nanosecond();
        if nanos % 1_000 == 0 { i64::try_from(nanos / 1_000).ok() } else { None }
    }

    /// Microseconds since midnight, of a time without a day.
    pub(crate) fn time_of_day(&self) -> Option<i64> {
        if self.date.is_some() {
            return None;
        }
        let nanos = self.time.duration_since(Time::midnight()).as_nanos();
        if nanos % 1_000 == 0 { i64::try_from(nanos / 1_000).ok() } else { None }
    }
}

/// As ISO 8601 has it: a date, a time, or both with or without a zone.
pub(crate) fn iso(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Ok(date) = text.parse::<Date>()
        && text.len() <= 10
    {
        return Some(Moment { date: Some(date), time: Time::midnight(), offset: None });
    }
    if text.as_bytes().get(2) == Some(&b':') {
        let time = text.parse().ok()?;
        return Some(Moment { date: None, time, offset: None });
    }
    // The zone is what follows the seconds.
    let end = text.get(11..).and_then(|time| time.find(['Z', 'z', '+', '-'])).map(|at| at + 11);
    let (plain, zone) = text.split_at(end.unwrap_or(text.len()));
    let moment: DateTime = plain.trim_end().parse().ok()?;
    let offset = if zone.is_empty() { None } else { Some(read_zone(zone)?) };
    Some(Moment { date: Some(moment.date()), time: moment.time(), offset })
}

impl Pattern {
    /// # Errors
    /// What is wrong with the pattern, as a part of a sentence.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let is_of_database = pattern.contains("MI") || pattern.contains("HH24");
        let translated = if is_of_database { translated(pattern) } else { pattern.to_owned() };
        let mut tokens = Vec::new();
        let mut rest = translated.as_str();
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                let Some(end) = rest[1..].find('\'') else {
                    return Err("has a quote that is not closed".to_owned());
                };
                tokens.push(Token::Text(if end == 0 { "'".to_owned() } else { rest[1..=end].to_owned() }));
                rest = &rest[end + 2..];
                continue;
            }
            let count = rest.chars().take_while(|letter| *letter == first).count();
            let run = &rest[..count * first.len_utf8()];
            tokens.push(token(first, count, run)?);
            rest = &rest[run.len()..];
        }
        let has =
            |part| tokens.iter().any(|token| matches!(token, Token::Number(found, _) if *found == part));
        let has_year = has(Part::Year) || has(Part::ShortYear);
        let has_month = has(Part::Month) || tokens.contains(&Token::MonthName);
        if (has_year || has_month || has(Part::Day)) && !(has_year && has_month && has(Part::Day)) {
            return Err("must have year, month and day, or none of them".to_owned());
        }
        if !has_year && !has(Part::Hour) && !has(Part::HalfHour) {
            return Err("has neither a date nor a time".to_owned());
        }
        Ok(Self(tokens))
    }

    /// Reads a text; `None` when it is not written like this.
    pub(crate) fn read(&self, text: &str) -> Option<Moment> {
        let mut rest = text.trim();
        let (mut year, mut month, mut day) = (None, None, None);
        let (mut hour, mut minute, mut second, mut nanos) = (0, 0, 0, 0);
        let (mut half, mut offset) = (None, None);
        for (place, token) in self.0.iter().enumerate() {
            match token {
                Token::Text(wanted) => rest = rest.strip_prefix(wanted.as_str())?,
                Token::MonthName => {
                    let (number, after) = name(rest, &MONTHS)?;
                    (month, rest) = (Some(number), after);
                }
                Token::DayName => rest = name(rest, &DAYS)?.1,
                Token::Half => {
                    let word = rest.get(..2)?;
                    half = Some(if word.eq_ignore_ascii_case("pm") {
                        true
                    } else if word.eq_ignore_ascii_case("am") {
                        false
                    } else {
                        return None;
                    });
                    rest = &rest[2..];
                }
                Token::Zone => {
                    let end = rest.find(' ').unwrap_or(rest.len());
                    offset = Some(read_zone(&rest[..end])?);
                    rest = &rest[end..];
                }
                Token::Number(part, digits) => {
                    // Where nothing stands between two numbers, each has just so many digits.
                    let is_number = |place: usize| matches!(self.0.get(place), Some(Token::Number(..)));
                    let beside = is_number(place + 1) || place.checked_sub(1).is_some_and(is_number);
                    let most = if beside { *digits } else { part.most_digits().max(*digits) };
                    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
                    if length == 0 || (length < *digits && (beside || *part == Part::Year)) {
                        return None;
                    }
                    let number: i32 = rest[..length].parse().ok()?;
                    match part {
                        Part::Year => year = Some(number),
                        Part::ShortYear => year = Some(if number < 69 { 2000 } else { 1900 } + number),
                        Part::Month => month = Some(number),
                        Part::Day => day = Some(number),
                        Part::Hour | Part::HalfHour => hour = number,
                        Part::Minute => minute = number,
                        Part::Second => second = number,
                        Part::Fraction => nanos = number * 10_i32.pow(u32::try_from(9 - length).ok()?),
                    }
                    rest = &rest[length..];
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        if let Some(after_noon) = half {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if after_noon { 12 } else { 0 };
        }
        let small = |number: i32| i8::try_from(number).ok();
        let date = match (year, month, day) {
            (Some(year), Some(month), Some(day)) => {
                Some(Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?)
            }
            _ => None,
        };
        let time = Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
        Some(Moment { date, time, offset })
    }
}

/// The pattern of a database in Java's letters.
fn translated(pattern: &str) -> String {
    let mut text = pattern.to_owned();
    for (from, to) in [
        ("HH24", "HH"),
        ("HH12", "hh"),
        ("MI", "mm"),
        ("YYYY", "yyyy"),
        ("YY", "yy"),
        ("DD", "dd"),
        ("SS", "ss"),
        ("US", "SSSSSS"),
        ("FF", "SSSSSS"),
        ("MON", "MMM"),
        ("AM", "a"),
        ("PM", "a"),
    ] {
        text = text.replace(from, to);
    }
    text
}

fn token(letter: char, count: usize, run: &str) -> Result<Token, String> {
    Ok(match letter {
        'y' | 'u' | 'Y' if count == 2 => Token::Number(Part::ShortYear, 2),
        'y' | 'u' | 'Y' => Token::Number(Part::Year, if count == 1 { 1 } else { 4 }),
        'M' | 'L' if count >= 3 => Token::MonthName,
        'M' | 'L' => Token::Number(Part::Month, count),
        'd' | 'D' => Token::Number(Part::Day, count.min(2)),
        'H' => Token::Number(Part::Hour, count.min(2)),
        'h' => Token::Number(Part::HalfHour, count.min(2)),
        'm' => Token::Number(Part::Minute, count.min(2)),
        's' => Token::Number(Part::Second, count.min(2)),
        'S' | 'n' => Token::Number(Part::Fraction, 1),
        'a' => Token::Half,
        'E' => Token::DayName,
        'X' | 'x' | 'Z' | 'z' | 'O' => Token::Zone,
        other if other.is_ascii_alphabetic() => {
            return Err(format!(
                "has `{other}`, which means nothing here; put plain text into single quotes"
            ));
        }
        _ => Token::Text(run.to_owned()),
    })
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The number of the name that a text begins with, whole or by its first three letters, and what follows.
fn name<'a>(text: &'a str, names: &[&str]) -> Option<(i32, &'a str)> {
    for (number, name) in (1..).zip(names) {
        for wanted in [name, &name[..3]] {
            if text.get(..wanted.len()).is_some_and(|found| found.eq_ignore_ascii_case(wanted)) {
                return Some((number, &text[wanted.len()..]));
            }
        }
    }
    None
}

fn read_zone(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("gmt")
    {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = text[1..].replace(':', "");
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || ![2, 4].contains(&digits.len()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().unwrap_or(0));
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<&str>) {
        let read = Pattern::parse(pattern).unwrap().read(text);
        let found = read.and_then(|moment| moment.micros());
        let expected = expected.map(|expected| iso(expected).unwrap().micros().unwrap());
        assert_eq!(found, expected, "{text} as {pattern}");
    }

    #[test]
    fn patterns_read_what_is_written_like_them() {
        check("yyyy-MM-dd", "2024-02-29", Some("2024-02-29"));
        check("yyyy-MM-dd", "2023-02-29", None);
        check("yyyy-MM-dd", "2024-02-29x", None);
        check("dd.MM.yyyy HH:mm:ss", "1.3.2024 04:05:06", Some("2024-03-01 04:05:06"));
        check("yyyyMMddHHmmss", "20240301040506", Some("2024-03-01 04:05:06"));
        check("yyyyMMdd", "2024031", None);
        check(
            "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "2024-03-01T04:05:06.250+02:00",
            Some("2024-03-01 02:05:06.25"),
        );
        check("M/d/yy h:mm a", "3/1/24 12:05 AM", Some("2024-03-01 00:05:00"));
        check("M/d/yy h:mm a", "3/1/99 1:05 pm", Some("1999-03-01 13:05:00"));
        check("EEE, d MMM yyyy", "Fri, 1 Mar 2024", Some("2024-03-01"));
        check("d MMMM yyyy", "1 march 2024", Some("2024-03-01"));
        check("YYYY-MM-DD HH24:MI:SS", "2024-03-01 23:05:06", Some("2024-03-01 23:05:06"));
        check("DD.MM.YYYY HH24:MI:SS.US", "01.03.2024 23:05:06.000007", Some("2024-03-01 23:05:06.000007"));
        check("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "2024-03-01 00:00:00.000000001", None);
    }

    #[test]
    fn a_time_of_the_day_has_no_date() {
        let read = Pattern::parse("HH:mm").unwrap().read("04:05").unwrap();
        assert_eq!(read.time_of_day(), Some((4 * 60 + 5) * 60 * 1_000_000));
        assert_eq!(read.micros(), None);
        assert_eq!(iso("04:05:06.5").unwrap().time_of_day(), Some(14_706_500_000));
    }

    #[test]
    fn iso_is_read_without_a_pattern() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(iso(text).and_then(|moment| moment.micros()), expected, "{text}");
        };
        check("1970-01-02", Some(DAY));
        check("1970-01-01 00:00:01", Some(1_000_000));
        check("1970-01-01T00:00:01.5", Some(1_500_000));
        check("1970-01-01T02:00:00+02:00", Some(0));
        check("1970-01-01T00:00:00Z", Some(0));
        check("1969-12-31 23:00:00-0100", Some(0));
        check("01.02.2024", None);
        check("", None);
        assert_eq!(iso("1970-01-02").unwrap().days(), Some(1));
        assert_eq!(iso("1970-01-02 00:00:01").unwrap().days(), None);
    }

    #[test]
    fn a_pattern_that_says_too_little_is_refused() {
        for (pattern, part) in [
            ("yyyy-MM", "year, month and day"),
            ("'x", "not closed"),
            ("yyyy-MM-dd Q", "`Q`"),
            ("-", "neither a date nor a time"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }
}
