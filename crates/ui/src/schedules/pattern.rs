//! Patterns in words, and which cron expressions are simple ones.

use forebay_core::schedule::{CronExpression, Day, MonthDay, Pattern, Unit};

/// What a pattern means: `each day at 02:30`.
pub(super) fn in_words(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Cron { expression } => match hourly_minute(expression) {
            Some(minute) => format!("each hour at minute {minute:02}"),
            None => format!("cron {}", expression.as_str()),
        },
        Pattern::Every { interval, .. } => {
            let (one, many) = match interval.unit {
                Unit::Minutes => ("minute", "minutes"),
                Unit::Hours => ("hour", "hours"),
            };
            match interval.every.get() {
                1 => format!("every {one}"),
                every => format!("every {every} {many}"),
            }
        }
        Pattern::Daily { at } => format!("each day at {at}"),
        Pattern::Weekly { days, at } => {
            let days: Vec<&str> = days.iter().map(|day| day_name(*day)).collect();
            format!("each {} at {at}", days.join(", "))
        }
        Pattern::Monthly { day: MonthDay::Number(day), at } => {
            format!("on day {day} of each month that has it, at {at}")
        }
        Pattern::Monthly { day: MonthDay::Last, at } => format!("on the last day of each month at {at}"),
    }
}

/// The minute, where an expression fires once in each hour: `0 5 * * * ?`.
pub(super) fn hourly_minute(expression: &CronExpression) -> Option<u32> {
    let minute = expression.as_str().strip_prefix("0 ")?.strip_suffix(" * * * ?")?;
    minute.parse().ok()
}

/// The expression that fires in each hour at a minute.
pub(super) fn hourly(minute: u32) -> String {
    format!("0 {minute} * * * ?")
}

pub(super) const fn day_name(day: Day) -> &'static str {
    match day {
        Day::Mon => "Monday",
        Day::Tue => "Tuesday",
        Day::Wed => "Wednesday",
        Day::Thu => "Thursday",
        Day::Fri => "Friday",
        Day::Sat => "Saturday",
        Day::Sun => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::Timestamp;
    use forebay_core::schedule::{Interval, TimeOfDay};

    use super::*;

    #[test]
    fn patterns_are_told_in_words() {
        let check = |pattern: Pattern, expected: &str| assert_eq!(in_words(&pattern), expected);
        let at = TimeOfDay::parse("at", "02:30").unwrap();
        let every = |count, unit| Pattern::Every {
            interval: Interval::new("every", count, unit).unwrap(),
            start_at: Timestamp::from_millis(0),
        };
        let cron = |text: &str| Pattern::Cron { expression: CronExpression::parse(text).unwrap() };
        check(every(90, Unit::Minutes), "every 90 minutes");
        check(every(1, Unit::Hours), "every hour");
        check(cron(&hourly(5)), "each hour at minute 05");
        check(cron("0 0/5 * * * ?"), "cron 0 0/5 * * * ?");
        check(cron("0 5,35 * * * ?"), "cron 0 5,35 * * * ?");
        check(Pattern::Daily { at }, "each day at 02:30");
        check(Pattern::Weekly { days: [Day::Fri, Day::Mon].into(), at }, "each Monday, Friday at 02:30");
        check(
            Pattern::Monthly { day: MonthDay::Number(31), at },
            "on day 31 of each month that has it, at 02:30",
        );
        check(Pattern::Monthly { day: MonthDay::Last, at }, "on the last day of each month at 02:30");
    }
}
