//! Which row versions were written since a checkpoint, as a condition that costs the look at a whole
//! table little.
//!
//! No index finds rows by their transaction, so the condition is tried on every row: its form decides
//! what a DELTA costs the source. Measured for 1.5 million rows, of which 150 were written since:
//! equality with one id 77 ms, a hashed list of ids 86 to 98 ms, a comparison of bytes 140 ms; a number
//! made of the id's text takes 224 ms, a list without hashes 134 ms for eight ids. All of them may run in
//! the server's parallel workers; the function `age` may not.

/// The bits of a transaction's id that a row tells.
const BITS: i64 = 0xffff_ffff;

/// The least id that a transaction may have.
const FIRST: i64 = 3;

/// From how many entries on the server looks a list up by hashes.
const HASHED: usize = 9;

/// The most transactions that are listed one by one.
const LISTED: i64 = 1000;

/// The transactions from one on up to another one, which is not among them; 64-bit ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    since: i64,
    until: i64,
}

impl Window {
    /// `None` when it is too wide for the 32 bits that a row tells of its transaction.
    pub(super) fn between(since: i64, until: i64) -> Option<Self> {
        (since <= until && until - since <= BITS).then_some(Self { since, until })
    }

    /// The condition that the row version `row` was written in the window, and by none of `seen`, which
    /// are ids as rows tell them. `hashes` says whether the server looks lists up by hashes.
    ///
    /// A row that was written more than 2³² transactions ago may meet it by its low bits.
    pub(super) fn condition(self, row: &str, seen: &[i64], hashes: bool) -> String {
        let Self { since, until } = self;
        let listed = if hashes { LISTED } else { 1 };
        if until - since > listed {
            let seen: Vec<String> = seen.iter().map(i64::to_string).collect();
            return match seen.as_slice() {
                [] => self.range(row),
                seen => format!("{} AND NOT {}", self.range(row), any(row, seen)),
            };
        }
        let ids = (since..until).map(|id| id & BITS).filter(|id| *id >= FIRST && !seen.contains(id));
        let mut ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        match ids.as_slice() {
            [] => return "false".to_owned(),
            [only] => return format!("{row} = '{only}'::pg_catalog.xid"),
            [first, ..] => {
                let padding = vec![first.clone(); HASHED.saturating_sub(ids.len())];
                ids.extend(padding);
            }
        }
        any(row, &ids)
    }

    /// Sent, an id is four bytes of which the first counts most, so their order is that of the ids.
    fn range(self, row: &str) -> String {
        let bytes = |id: i64| format!("'\\x{:08x}'::pg_catalog.bytea", id & BITS);
        let (low, high) = (bytes(self.since), bytes(self.until));
        let both = if self.since & BITS < self.until & BITS { "AND" } else { "OR" };
        format!("(pg_catalog.xidsend({row}) >= {low} {both} pg_catalog.xidsend({row}) < {high})")
    }
}

fn any(row: &str, ids: &[String]) -> String {
    format!("{row} = ANY ('{{{}}}'::pg_catalog.xid[])", ids.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(since: i64, until: i64, seen: &[i64], hashes: bool, expected: &str) {
        let window = Window::between(since, until).expect("a window");
        assert_eq!(window.condition("xmin", seen, hashes), expected, "{since} to {until} without {seen:?}");
    }

    #[test]
    fn few_transactions_are_listed() {
        check(5, 5, &[], true, "false");
        check(5, 6, &[], false, "xmin = '5'::pg_catalog.xid");
        check(5, 7, &[], true, "xmin = ANY ('{5,6,5,5,5,5,5,5,5}'::pg_catalog.xid[])");
        check(5, 8, &[5, 7], true, "xmin = '6'::pg_catalog.xid");
        check(5, 7, &[5, 6], true, "false");
    }

    #[test]
    fn many_transactions_are_a_range() {
        let range = "(pg_catalog.xidsend(xmin) >= '\\x00000005'::pg_catalog.bytea AND \
                     pg_catalog.xidsend(xmin) < '\\x00000fa0'::pg_catalog.bytea)";
        check(5, 4000, &[], true, range);
        check(5, 4000, &[9, 17], true, &format!("{range} AND NOT xmin = ANY ('{{9,17}}'::pg_catalog.xid[])"));
        let range = "(pg_catalog.xidsend(xmin) >= '\\x00000005'::pg_catalog.bytea AND \
                     pg_catalog.xidsend(xmin) < '\\x00000007'::pg_catalog.bytea)";
        check(5, 7, &[], false, range);
    }

    #[test]
    fn the_window_goes_over_the_wrap_of_32_bits() {
        let wrap = 1 << 32;
        // Ids that no transaction has are none.
        check(
            wrap - 1,
            wrap + 4,
            &[],
            true,
            "xmin = ANY ('{4294967295,3,4294967295,4294967295,4294967295,4294967295,4294967295,4294967295,4294967295}'::pg_catalog.xid[])",
        );
        check(wrap, wrap + 4, &[], true, "xmin = '3'::pg_catalog.xid");
        let range = "(pg_catalog.xidsend(xmin) >= '\\xfffffffe'::pg_catalog.bytea OR \
                     pg_catalog.xidsend(xmin) < '\\x00000fa0'::pg_catalog.bytea)";
        check(wrap - 2, wrap + 4000, &[], true, range);
        assert_eq!(Window::between(5, 5 + wrap), None);
        assert!(Window::between(5, 4 + wrap).is_some());
        assert_eq!(Window::between(6, 5), None);
    }
}
