//! The seven fields of a cron expression: what each may hold, and what to write instead of what it may not.

/// One field.
pub(super) struct Field {
    pub(super) name: &'static str,
    low: u16,
    high: u16,
    /// Words for the values from `low` on.
    words: &'static [&'static str],
    specials: Specials,
}

/// Which marks a field knows besides `*`, `-`, `,` and `/`.
enum Specials {
    None,
    /// `?`, `L`, `LW` and `15W`.
    DayOfMonth,
    /// `?`, `6L` and `6#3`.
    DayOfWeek,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const FIELDS: [Field; 7] = [
    Field { name: "seconds", low: 0, high: 59, words: &[], specials: Specials::None },
    Field { name: "minutes", low: 0, high: 59, words: &[], specials: Specials::None },
    Field { name: "hours", low: 0, high: 23, words: &[], specials: Specials::None },
    Field { name: "day of month", low: 1, high: 31, words: &[], specials: Specials::DayOfMonth },
    Field { name: "month", low: 1, high: 12, words: &MONTHS, specials: Specials::None },
    Field { name: "day of week", low: 1, high: 7, words: &DAYS, specials: Specials::DayOfWeek },
    Field { name: "year", low: 1970, high: 2099, words: &[], specials: Specials::None },
];

impl Field {
    /// Checks a field, and writes it with numbers and without short forms. The error is a reason.
    pub(super) fn check(&self, text: &str) -> Result<String, String> {
        if text == "?" {
            return match self.specials {
                Specials::None => {
                    Err("`?` stands for a day alone, in field 4 or 6; write `*` here".to_owned())
                }
                Specials::DayOfMonth | Specials::DayOfWeek => Ok("*".to_owned()),
            };
        }
        let parts: Vec<&str> = text.split(',').collect();
        let checked: Result<Vec<String>, String> =
            parts.iter().map(|part| self.check_part(part, parts.len() == 1)).collect();
        Ok(checked?.join(","))
    }

    /// A part of a list, or the only one.
    fn check_part(&self, part: &str, alone: bool) -> Result<String, String> {
        if part.is_empty() {
            return Err("a list has an empty place; take the comma away".to_owned());
        }
        if let Some(special) = self.check_special(part, alone)? {
            return Ok(special);
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (part, None),
        };
        let range = match (range, range.split_once('-')) {
            ("*", _) if alone || step.is_some() => "*".to_owned(),
            ("*", _) => {
                return Err(
                    "`*` is every value, so it stands alone; take the rest of the list away".to_owned()
                );
            }
            ("", _) => {
                return Err(format!("`{part}` begins nowhere; write */… or a value before the stroke"));
            }
            (_, Some((from, to))) => {
                let (first, last) = (self.value(from)?, self.value(to)?);
                if first > last {
                    let (high, low) = (self.high, self.low);
                    return Err(format!(
                        "the range `{range}` runs backwards; write it as two, {first}-{high},{low}-{last}"
                    ));
                }
                format!("{first}-{last}")
            }
            (_, None) => match (self.value(range)?, step) {
                (first, Some(_)) => format!("{first}-{}", self.high),
                (first, None) => first.to_string(),
            },
        };
        Ok(step.map_or_else(|| range.clone(), |step| format!("{range}/{step}")))
    }

    fn check_special(&self, part: &str, alone: bool) -> Result<Option<String>, String> {
        let upper = part.to_ascii_uppercase();
        match self.specials {
            Specials::None => Ok(None),
            Specials::DayOfMonth => match upper.as_str() {
                "L" => Ok(Some(upper)),
                "LW" if alone => Ok(Some(upper)),
                "LW" => Err("`LW` stands alone; take the rest of the list away".to_owned()),
                _ if upper.starts_with("L-") => {
                    Err("days before the last one cannot be said; write L, or a day such as 28".to_owned())
                }
                _ => match upper.strip_suffix('W') {
                    Some(day) => Ok(Some(format!("{}W", self.value(day)?))),
                    None => Ok(None),
                },
            },
            Specials::DayOfWeek => {
                if upper == "L" {
                    return Err("`L` needs a day before it: write FRIL for the last Friday".to_owned());
                }
                if let Some((day, nth)) = upper.split_once('#') {
                    let day = self.value(day)?;
                    return match nth.parse::<u8>() {
                        Ok(nth @ 1..=5) => Ok(Some(format!("{day}#{nth}"))),
                        _ => Err(format!("`#{nth}` is no week of a month; write #1 to #5")),
                    };
                }
                match upper.strip_suffix('L') {
                    Some(day) => Ok(Some(format!("{}L", self.value(day)?))),
                    None => Ok(None),
                }
            }
        }
    }

    fn step(&self, text: &str) -> Result<u16, String> {
        match text.parse::<u16>() {
            Ok(step) if step > 0 && step <= self.high => Ok(step),
            _ => Err(format!("the step `/{text}` must be a whole number from 1 to {}", self.high)),
        }
    }

    fn value(&self, text: &str) -> Result<u16, String> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        if let Some(place) = word.and_then(|place| u16::try_from(place).ok()) {
            return Ok(self.low + place);
        }
        // The parser of numbers would take a sign.
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u16>() {
            Ok(value) if is_number && (self.low..=self.high).contains(&value) => Ok(value),
            _ => Err(format!("`{text}` is not {}", self.expected())),
        }
    }

    fn expected(&self) -> String {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => {
                format!("a value from {} ({first}) to {} ({last})", self.low, self.high)
            }
            _ => format!("a whole number from {} to {}", self.low, self.high),
        }
    }
}
