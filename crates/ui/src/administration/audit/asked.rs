//! What of the audit log is asked for, as it stands in the address.

use forebay_core::audit::{AuditFilter, AuditPosition};
use forebay_core::error::{Error, Result};
use forebay_core::history::Day;
use serde::Deserialize;

/// The fields of the form, as they came.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(super) caller: String,
    pub(super) pool: String,
    pub(super) operation: String,
    /// The first day.
    pub(super) from: String,
    /// The last day.
    pub(super) to: String,
    /// Where the page begins.
    pub(super) before: String,
}

impl Asked {
    /// An address with what is asked for here, from this position on.
    pub(super) fn address(&self, place: &str, before: Option<&str>) -> String {
        let fields = [
            ("caller", self.caller.as_str()),
            ("pool", &self.pool),
            ("operation", &self.operation),
            ("from", &self.from),
            ("to", &self.to),
            ("before", before.unwrap_or_default()),
        ];
        match query(fields.into_iter()) {
            query if query.is_empty() => place.to_owned(),
            query => format!("{place}?{query}"),
        }
    }

    /// The same for the engine.
    ///
    /// # Errors
    /// `Invalid` for what cannot be read.
    pub(super) fn question(&self) -> Result<(AuditFilter, Option<AuditPosition>)> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let pool = text(&self.pool).map(|text| {
            text.parse().map_err(|_| Error::invalid("pool", format!("`{text}` is not the id of a data pool")))
        });
        let day = |field, day: &str| text(day).map(|text| Day::parse(field, &text)).transpose();
        let filter = AuditFilter {
            caller: text(&self.caller),
            pool: pool.transpose()?,
            operation: text(&self.operation),
            from: day("from", &self.from)?.map(Day::begins),
            until: day("to", &self.to)?.map(|last| last.plus(1).begins()),
        };
        Ok((filter, text(&self.before).map(|before| before.parse()).transpose()?))
    }

    /// The same for the API; nothing when it cannot be read.
    pub(super) fn api_query(&self) -> String {
        let Ok((filter, _)) = self.question() else { return String::new() };
        let pool = filter.pool.map(|pool| pool.to_string());
        let [from, until] =
            [filter.from, filter.until].map(|time| time.map(|time| time.as_millis().to_string()));
        let fields = [
            ("caller", filter.caller),
            ("pool", pool),
            ("operation", filter.operation),
            ("from", from),
            ("until", until),
        ];
        let fields = fields.iter().map(|(name, value)| (*name, value.as_deref().unwrap_or_default()));
        match query(fields) {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        }
    }

    /// The same for the command line.
    pub(super) fn options(&self) -> String {
        if self.question().is_err() {
            return String::new();
        }
        let fields = [
            ("caller", &self.caller),
            ("pool", &self.pool),
            ("operation", &self.operation),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let asked = fields.into_iter().filter(|(_, value)| !value.trim().is_empty());
        asked.map(|(name, value)| format!(" --{name} '{}'", value.trim().replace('\'', "'\\''"))).collect()
    }
}

/// The fields that have a value.
fn query<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11";

    fn asked() -> Asked {
        Asked {
            pool: POOL.to_owned(),
            from: "2026-11-30".to_owned(),
            to: " 2026-11-30 ".to_owned(),
            ..Asked::default()
        }
    }

    #[test]
    fn a_day_is_meant_from_its_first_moment_to_its_last() {
        let (filter, before) = asked().question().unwrap();
        let (from, until) = (filter.from.unwrap().as_millis(), filter.until.unwrap().as_millis());
        assert_eq!((until - from, before), (24 * 60 * 60 * 1000, None));
        assert_eq!(asked().api_query(), format!("?pool={POOL}&from={from}&until={until}"));
        let options = format!(" --pool '{POOL}' --from '2026-11-30' --to '2026-11-30'");
        assert_eq!(asked().options(), options);
    }

    #[test]
    fn an_address_keeps_what_is_asked_for() {
        assert_eq!(Asked::default().address("/x", None), "/x");
        let operation = Asked { operation: "/a b".to_owned(), ..Asked::default() };
        assert_eq!(operation.address("/x", Some("5-6")), "/x?operation=%2Fa+b&before=5-6");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let check = |asked: &Asked, expected: &str| {
            let error = asked.question().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!((asked.api_query(), asked.options()), (String::new(), String::new()));
        };
        check(&Asked { pool: "None".to_owned(), ..Asked::default() }, "pool: `None` is not the id");
        check(&Asked { from: "yesterday".to_owned(), ..Asked::default() }, "from: `yesterday` is no day");
        check(&Asked { before: "x".to_owned(), ..Asked::default() }, "before: `x` is no position");
    }
}
