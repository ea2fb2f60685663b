//! Values of the sample as SQL, gathered into INSERT statements, and the random numbers behind them.

use std::fmt::{self, Write};

pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 24 * HOUR;

/// Rows of one table, gathered into INSERT statements of many rows.
pub(super) struct Inserts {
    table: &'static str,
    pub(super) statements: Vec<String>,
    /// In the last statement.
    rows: usize,
}

impl Inserts {
    /// The most rows in one statement.
    const LIMIT: usize = 500;

    pub(super) fn new(table: &'static str) -> Self {
        Self { table, statements: Vec::new(), rows: Self::LIMIT }
    }

    pub(super) fn row(&mut self, values: fmt::Arguments<'_>) {
        if self.rows == Self::LIMIT {
            self.statements.push(format!("INSERT INTO {} VALUES ", self.table));
            self.rows = 0;
        } else if let Some(statement) = self.statements.last_mut() {
            statement.push(',');
        }
        self.rows += 1;
        if let Some(statement) = self.statements.last_mut() {
            write!(statement, "({values})").expect("writing to a String does not fail");
        }
    }
}

/// A time as an SQL expression.
pub(super) struct Time(pub(super) u64);

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "datetime({},'unixepoch')", self.0)
    }
}

/// A time, or NULL.
pub(super) struct Maybe(pub(super) Option<u64>);

impl fmt::Display for Maybe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => Time(at).fmt(formatter),
            None => formatter.write_str("NULL"),
        }
    }
}

/// The day of a time as an SQL expression.
pub(super) struct Date(pub(super) u64);

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "date({},'unixepoch')", self.0)
    }
}

/// An amount in cents, written with two decimals.
pub(super) struct Money(pub(super) u64);

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// SplitMix64: the same numbers on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`. The tiny bias of the remainder does not matter here.
    pub(super) fn up_to(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn of(&mut self, choices: &[&'static str]) -> &'static str {
        let index = usize::try_from(self.up_to(choices.len() as u64)).unwrap_or_default();
        choices[index]
    }
}
