//! Days, times and timestamps as text, in the proleptic Gregorian calendar and without a time zone.

const MICROS_A_SECOND: i64 = 1_000_000;
const MICROS_A_DAY: i64 = 86_400 * MICROS_A_SECOND;
const DAYS_IN_400_YEARS: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

/// Year, month and day of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years that begin in March end with the leap day, so the months before it always fit.
    let days = days + DAYS_BEFORE_EPOCH;
    let era = days.div_euclid(DAYS_IN_400_YEARS);
    let of_era = days.rem_euclid(DAYS_IN_400_YEARS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `2024-01-31`, with `(BC)` after it for years before 1, given what stands between.
fn day_text(days: i64, between: &str) -> String {
    match civil(days) {
        (year @ 1.., month, day) => format!("{year:04}-{month:02}-{day:02}{between}"),
        (year, month, day) => format!("{:04}-{month:02}-{day:02}{between} (BC)", 1 - year),
    }
}

/// A day counted from 1970-01-01: `2024-01-31`. The greatest and the least number that has a
/// negative are the infinities, as the sources write them.
pub(crate) fn date_text(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        days if days == -i32::MAX => "-infinity".to_owned(),
        days => day_text(i64::from(days), ""),
    }
}

/// Microseconds since midnight: `23:59:59`, with as much of a fraction as there is.
pub(crate) fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros / MICROS_A_SECOND, micros % MICROS_A_SECOND);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 {
        return text;
    }
    format!("{text}.{}", format!("{fraction:06}").trim_end_matches('0'))
}

/// Microseconds since 1970-01-01: `2024-01-31 23:59:59.5`. Infinities as for dates.
pub(crate) fn timestamp_text(micros: i64) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        micros if micros == -i64::MAX => "-infinity".to_owned(),
        micros => {
            let time = time_text(micros.rem_euclid(MICROS_A_DAY));
            day_text(micros.div_euclid(MICROS_A_DAY), &format!(" {time}"))
        }
    }
}

/// The last moment of the day (UTC) of a point in time, as a bound on a date or a timestamp.
pub(crate) fn end_of_day(at: forebay_core::Timestamp) -> String {
    let day = at.as_millis().div_euclid(MICROS_A_DAY / 1_000);
    day_text(day, " 23:59:59.999999")
}

#[cfg(test)]
mod tests {
    use forebay_core::Timestamp;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let check = |days, expected| assert_eq!(date_text(days), expected);
        check(0, "1970-01-01");
        check(-1, "1969-12-31");
        check(19_782, "2024-02-29");
        check(19_783, "2024-03-01");
        check(11_016, "2000-02-29");
        check(-25_509, "1900-02-28");
        check(-25_508, "1900-03-01");
        check(2_932_896, "9999-12-31");
        check(2_932_897, "10000-01-01");
        check(-719_162, "0001-01-01");
        check(-719_163, "0001-12-31 (BC)");
        check(i32::MAX, "infinity");
        check(-i32::MAX, "-infinity");
    }

    #[test]
    fn a_timestamp_has_no_zeros_at_its_end() {
        let check = |micros, expected| assert_eq!(timestamp_text(micros), expected);
        check(0, "1970-01-01 00:00:00");
        check(-1, "1969-12-31 23:59:59.999999");
        check(1_500_000, "1970-01-01 00:00:01.5");
        check(951_827_696_000_120, "2000-02-29 12:34:56.00012");
        check(-i64::MAX, "-infinity");
        assert_eq!(time_text(86_399_999_999), "23:59:59.999999");
    }

    #[test]
    fn a_day_ends_before_the_next_one_begins() {
        let check = |millis, expected| assert_eq!(end_of_day(Timestamp::from_millis(millis)), expected);
        check(0, "1970-01-01 23:59:59.999999");
        check(86_399_999, "1970-01-01 23:59:59.999999");
        check(86_400_000, "1970-01-02 23:59:59.999999");
        check(-1, "1969-12-31 23:59:59.999999");
    }
}
