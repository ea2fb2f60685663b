//! Dates and times as ISO 8601 writes them, read without a calendar library.

/// A text that begins with an ISO date, taken apart. What is not there is zero.
struct Parts<'a> {
    /// Days since 1970-01-01.
    days: i64,
    /// `T` or a space, when a time follows.
    separator: Option<char>,
    /// Seconds of the day.
    seconds: i64,
    has_seconds: bool,
    /// The fraction's digits, without the point.
    fraction: &'a str,
    /// `Z`, `+02:00`, … as written.
    zone: &'a str,
    /// Seconds east of UTC.
    offset: i64,
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<i32> {
    let parts = parse(text)?;
    if parts.separator.is_some() { None } else { i32::try_from(parts.days).ok() }
}

/// Microseconds since 1970-01-01 of a date and a time, in UTC, and whether the text has a zone.
/// `None` too when the fraction is finer than microseconds.
pub(crate) fn timestamp(text: &str) -> Option<(i64, bool)> {
    let parts = parse(text)?;
    parts.separator?;
    let digits = parts.fraction.trim_end_matches('0');
    if digits.len() > 6 {
        return None;
    }
    let fraction: i64 = format!("{digits:0<6}").parse().ok()?;
    let seconds = parts.days * 86_400 + parts.seconds - parts.offset;
    Some((seconds * 1_000_000 + fraction, !parts.zone.is_empty()))
}

/// `YYYY-MM-DD` of days since 1970-01-01; `None` outside the years 0 to 9999.
pub(crate) fn date_text(days: i64) -> Option<String> {
    let (year, month, day) = civil(days);
    (0..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// `YYYY-MM-DD HH:MM:SS.ffffff` of microseconds since 1970-01-01; `None` outside the years 0 to 9999.
/// Texts of this shape sort as the moments do.
pub(crate) fn timestamp_text(micros: i64) -> Option<String> {
    let seconds = micros.div_euclid(1_000_000);
    let date = date_text(seconds.div_euclid(86_400))?;
    let second = seconds.rem_euclid(86_400);
    let fraction = micros.rem_euclid(1_000_000);
    Some(format!("{date} {:02}:{:02}:{:02}.{fraction:06}", second / 3600, second / 60 % 60, second % 60))
}

/// Whether a moment is one that [`timestamp_text`] can write.
pub(crate) fn in_range(micros: i64) -> bool {
    (days(0, 1, 1)..days(10_000, 1, 1)).contains(&micros.div_euclid(86_400_000_000))
}

/// Microseconds since 1970-01-01 in UTC of a date, which means its midnight, or of a date and a time.
pub(crate) fn moment(text: &str) -> Option<i64> {
    match timestamp(text) {
        Some((micros, _)) => Some(micros),
        None => Some(i64::from(date(text)?) * 86_400_000_000),
    }
}

/// The text some seconds earlier, in the same shape and not later than exact.
pub(crate) fn earlier(text: &str, by: i64) -> Option<String> {
    let parts = parse(text)?;
    let earliest = days(0, 1, 1) * 86_400;
    let moment = (parts.days * 86_400 + parts.seconds).checked_sub(by)?.max(earliest);
    let (year, month, day) = civil(moment.div_euclid(86_400));
    let seconds = moment.rem_euclid(86_400);
    let mut earlier = format!("{year:04}-{month:02}-{day:02}");
    if let Some(separator) = parts.separator {
        earlier.push(separator);
        earlier.push_str(&format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60));
        if parts.has_seconds {
            earlier.push_str(&format!(":{:02}", seconds % 60));
        }
        if !parts.fraction.is_empty() {
            earlier.push('.');
            earlier.push_str(parts.fraction);
        }
        earlier.push_str(parts.zone);
    }
    Some(earlier)
}

fn parse(text: &str) -> Option<Parts<'_>> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    if !(1..=12).contains(&month) || !(1..=month_length(year, month)).contains(&day) {
        return None;
    }
    let days = days(year, month, day);
    let mut parts =
        Parts { days, separator: None, seconds: 0, has_seconds: false, fraction: "", zone: "", offset: 0 };
    let Some(separator) = rest.chars().next() else {
        return Some(parts);
    };
    if separator != 'T' && separator != ' ' {
        return None;
    }
    parts.separator = Some(separator);
    let (hour, rest) = digits(&rest[1..], 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    let mut second = 0;
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = digits(after, 2)?;
        parts.has_seconds = true;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            (parts.fraction, rest) = after.split_at(end);
            if parts.fraction.is_empty() {
                return None;
            }
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    parts.seconds = hour * 3600 + minute * 60 + second;
    parts.zone = rest;
    parts.offset = zone(rest.strip_prefix(' ').unwrap_or(rest))?;
    Some(parts)
}

/// Seconds east of UTC of ``, `Z`, `+02`, `+0200` or `+02:00`.
fn zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') if text.len() == 1 => return Some(0),
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        Some(_) => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        minutes => match digits(minutes, 2)? {
            (minutes, "") => minutes,
            _ => return None,
        },
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let (head, rest) = text.split_at_checked(count)?;
    if head.bytes().all(|byte| byte.is_ascii_digit()) { Some((head.parse().ok()?, rest)) } else { None }
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days`].
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_exact() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2024-02-29"), Some(19_782));
        assert_eq!(date("1969-12-31"), Some(-1));
        for wrong in ["2023-02-29", "2024-1-01", "2024-13-01", "2024-01-01 ", "24-01-01", "", "２024-01-01"]
        {
            assert_eq!(date(wrong), None, "{wrong:?}");
        }
        for day in (-800_000..800_000).step_by(37) {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), day);
        }
    }

    #[test]
    fn timestamps_are_in_utc() {
        assert_eq!(timestamp("1970-01-01 00:00:01"), Some((1_000_000, false)));
        assert_eq!(timestamp("1970-01-01T02:00:00.5+02:00"), Some((500_000, true)));
        assert_eq!(timestamp("1970-01-01T00:00Z"), Some((0, true)));
        assert_eq!(timestamp("1969-12-31 23:59:59.999999"), Some((-1, false)));
        assert_eq!(timestamp("1970-01-01 00:00:00.1234560"), Some((123_456, false)));
        for wrong in
            ["1970-01-01", "1970-01-01 24:00:00", "1970-01-01 00:00:00.1234567", "1970-01-01 00:00:00+2", "x"]
        {
            assert_eq!(timestamp(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        for text in ["0000-01-01 00:00:00.000000", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.000001"]
        {
            assert_eq!(timestamp_text(timestamp(text).unwrap().0).as_deref(), Some(text));
            assert_eq!(date_text(i64::from(date(&text[..10]).unwrap())).as_deref(), Some(&text[..10]));
        }
        for micros in [i64::MIN, -62_167_219_200_000_001, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(timestamp_text(micros), None);
            assert!(!in_range(micros), "{micros}");
        }
        assert!(in_range(-62_167_219_200_000_000) && in_range(253_402_300_799_999_999));
        assert_eq!(moment("1970-01-02"), Some(86_400_000_000));
        assert_eq!(moment("1970-01-01 00:00:01"), Some(1_000_000));
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn earlier_keeps_the_shape() {
        let check = |text: &str, by, expected: &str| assert_eq!(earlier(text, by).as_deref(), Some(expected));
        check("2024-03-01", 1, "2024-02-29");
        check("2024-03-01 00:00:00", 1, "2024-02-29 23:59:59");
        check("2024-03-01T00:00:00.250Z", 3600, "2024-02-29T23:00:00.250Z");
        check("2024-03-01 00:00+02:00", 30, "2024-02-29 23:59+02:00");
        check("0000-01-01", 99, "0000-01-01");
        assert_eq!(earlier("yesterday", 1), None);
    }
}
