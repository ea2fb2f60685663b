//! A big table in ranges of its primary key, so that several connections read it at once.

use forebay_core::source::SourceError;

use super::catalog::Relation;
use super::query::{Selection, ticked};
use super::session::Session;

/// How many rows, about, a range has. Smaller ones cost a statement each, bigger ones leave a connection idle at
/// the end.
const RANGE_ROWS: u64 = 200_000;
const MOST_RANGES: u64 = 64;

/// The statements that read the table together, each of its rows once: one, unless several connections can share
/// the work. How many rows there are is the server's estimate; where they lie is guessed from the least and the
/// greatest key, and wherever they lie they are read: the first range has no lower end and the last no upper one.
pub(super) async fn statements(
    session: &mut Session,
    relation: &Relation,
    selection: &Selection<'_>,
    connections: usize,
) -> Result<Vec<String>, SourceError> {
    let whole = || vec![selection.select(&[], false)];
    let rows = relation.rows.unwrap_or(0);
    let key = relation.key.first().and_then(|key| {
        let column = relation.columns.iter().find(|column| column.name == *key)?;
        (column.kind.is_whole_number() && !column.nullable).then_some(column)
    });
    let (Some(column), true) = (key, connections > 1 && rows >= 2 * RANGE_ROWS && relation.engine.is_some())
    else {
        return Ok(whole());
    };
    // With conditions, an index may find the rows at once that each range would look for again.
    if !selection.conditions.is_empty() && !reads_all(session, relation, &whole()[0]).await? {
        return Ok(whole());
    }
    let name = ticked(&column.name);
    let doing = format!("finding the range of column {} of table {}", column.name, relation.name);
    let sql = format!("SELECT MIN({name}) AS least, MAX({name}) AS greatest FROM {}", relation.sql);
    let answer = session.query(&doing, &sql).await?;
    let end = |end: &str| answer.value(0, end).and_then(|end| end.parse::<i128>().ok());
    let (Some(least), Some(greatest)) = (end("least"), end("greatest")) else { return Ok(whole()) };
    let count = (rows / RANGE_ROWS).clamp(2, MOST_RANGES);
    let ranges = conditions(&name, cuts(least, greatest, count));
    Ok(ranges.iter().map(|range| selection.select(&[range], true)).collect())
}

/// Whether the server would look at every row for a statement.
async fn reads_all(session: &mut Session, relation: &Relation, sql: &str) -> Result<bool, SourceError> {
    let doing = format!("asking how table {} would be read", relation.name);
    let plan = session.query(&doing, &format!("EXPLAIN {sql}")).await?;
    let along_the_key = plan.value(0, "type") == Some("index") && plan.value(0, "key") == Some("PRIMARY");
    Ok(plan.rows.len() == 1 && (plan.value(0, "type") == Some("ALL") || along_the_key))
}

/// Keys between the least and the greatest one at which a new range begins, in order and each once.
fn cuts(least: i128, greatest: i128, count: u64) -> Vec<i128> {
    let width = greatest - least;
    let mut cuts: Vec<i128> =
        (1..count).map(|cut| least + width * i128::from(cut) / i128::from(count)).collect();
    cuts.dedup();
    cuts.retain(|cut| *cut > least);
    cuts
}

/// Conditions on the key of which each value of it meets exactly one.
fn conditions(key: &str, cuts: Vec<i128>) -> Vec<String> {
    let (Some(first), Some(last)) = (cuts.first(), cuts.last()) else {
        return vec![format!("{key} IS NOT NULL")];
    };
    let mut conditions = vec![format!("{key} < {first}")];
    for pair in cuts.windows(2) {
        conditions.push(format!("{key} >= {} AND {key} < {}", pair[0], pair[1]));
    }
    conditions.push(format!("{key} >= {last}"));
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_without_a_gap() {
        assert_eq!(
            conditions("k", cuts(0, 100, 4)),
            ["k < 25", "k >= 25 AND k < 50", "k >= 50 AND k < 75", "k >= 75"]
        );
        assert_eq!(conditions("k", cuts(1, 2, 2)), ["k IS NOT NULL"]);
        assert_eq!(conditions("k", cuts(5, 7, 64)), ["k < 6", "k >= 6"]);
        assert_eq!(conditions("k", cuts(5, 5, 3)), ["k IS NOT NULL"]);
    }

    #[test]
    fn ranges_reach_from_the_least_to_the_greatest_number() {
        let cuts = cuts(i128::from(i64::MIN), i128::from(u64::MAX), MOST_RANGES);
        assert_eq!(cuts.len(), 63);
        assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
