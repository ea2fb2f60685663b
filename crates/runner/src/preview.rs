//! The first rows of a table at its source, and what they tell of its columns. The source is read as an extraction
//! reads it, and let go of as soon as there are enough rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::connection::ConnectionConfig;
use forebay_core::extraction::{ColumnChoice, SourceTableName};
use forebay_core::name::Identifier;
use forebay_core::preview::{ColumnFindings, Findings, Preview};
use forebay_core::source::{ReadRequest, SourceError, SourceErrorKind, TableReader, TableRows};
use forebay_core::warehouse::Rows;
use futures::StreamExt;
use tokio::time::timeout;

use crate::OpenSource;

/// How long a source may take for a look. What has come by then is shown.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The most characters of a text that are shown.
const LONGEST_TEXT: usize = 200;
/// The most bytes of a binary value that are shown.
const LONGEST_BINARY: usize = 64;
/// About the most bytes of all rows that are shown.
const MOST_BYTES: usize = 2 << 20;
/// Of how many columns pairs are looked at.
const PAIRED_COLUMNS: usize = 40;
/// The most candidates for a key that are named.
const MOST_CANDIDATES: usize = 10;

/// Looks at the first rows of a table, up to `most` of them.
///
/// # Errors
/// The source's.
pub async fn preview(
    config: &ConnectionConfig,
    table: &SourceTableName,
    most: usize,
    sources: &dyn OpenSource,
) -> Result<Preview, SourceError> {
    let until = Instant::now() + PATIENCE;
    let source = sources.open(config, 1)?;
    let opening = async {
        let snapshot = source.snapshot().await?;
        let read = snapshot.read(&whole(table)).await?;
        Ok::<_, SourceError>((snapshot, read))
    };
    let (snapshot, read) = timeout(PATIENCE, opening).await.map_err(|_| late())??;
    let TableReader::Rows(TableRows { schema, key, mut batches, notes, .. }) = read else {
        return Err(invalid(
            "the source says that nothing has changed, where all was asked for; report this",
        ));
    };
    let (mut taken, mut count) = (Vec::new(), 0);
    // One row more says that there are more.
    while count <= most {
        match timeout(until.saturating_duration_since(Instant::now()), batches.next()).await {
            Ok(None) => break,
            Ok(Some(batch)) => {
                let batch: RecordBatch = batch?;
                count += batch.num_rows();
                taken.push(batch);
            }
            Err(_) if count == 0 => return Err(late()),
            Err(_) => {
                count = most + 1;
                break;
            }
        }
    }
    // The statement ends with its rows, and the snapshot goes after it.
    drop(batches);
    drop(snapshot);
    of_rows(&schema, &taken, (most, count > most), key, notes)
        .map_err(|error| invalid("the rows of the table cannot be shown").caused_by(error))
}

fn whole(table: &SourceTableName) -> ReadRequest {
    ReadRequest {
        table: table.clone(),
        columns: ColumnChoice::All,
        filters: Vec::new(),
        date_bounds: None,
        delta: None,
        cursor: None,
    }
}

fn late() -> SourceError {
    let text = format!(
        "the source gave no row within {} seconds; look at it with its own tools, or at a smaller table",
        PATIENCE.as_secs()
    );
    SourceError::new(SourceErrorKind::Unreachable, text)
}

fn invalid(text: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Invalid, text)
}

/// What the rows show; of those beyond `most` nothing.
fn of_rows(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    (most, mut has_more): (usize, bool),
    key: Vec<Identifier>,
    notes: Vec<String>,
) -> Result<Preview, Box<dyn std::error::Error + Send + Sync>> {
    let mut left = most;
    let mut first = Vec::new();
    for batch in batches {
        first.push(batch.slice(0, left.min(batch.num_rows())));
        left -= left.min(batch.num_rows());
    }
    let looked_at = concat_batches(schema, &first)?;
    let rows = looked_at.num_rows();
    let mut columns = Vec::new();
    let mut texts = Vec::new();
    for (field, column) in schema.fields().iter().zip(looked_at.columns()) {
        let values = values(column)?;
        let type_name = field.metadata().get("source_type").cloned();
        columns.push(ColumnFindings {
            name: Identifier::parse("column", field.name())?,
            type_name: type_name.unwrap_or_else(|| field.data_type().to_string()),
            nulls: values.iter().filter(|value| value.is_none()).count(),
            distinct: values.iter().flatten().collect::<HashSet<_>>().len(),
        });
        texts.push(values);
    }
    let candidates = if key.is_empty() { candidates(rows, &columns, &texts) } else { Vec::new() };
    drop(texts);
    let (mut shown, mut cut) = (Vec::new(), 0);
    for column in looked_at.columns() {
        let (column, values_cut) = shortened(column);
        shown.push(column);
        cut += values_cut;
    }
    // The schema's metadata is of no use any more, and the types are as they were.
    let mut shown = match shown.is_empty() {
        true => looked_at,
        false => RecordBatch::try_new(Arc::clone(schema), shown)?,
    };
    let bytes = shown.get_array_memory_size();
    if bytes > MOST_BYTES {
        shown = shown.slice(0, (rows * MOST_BYTES / bytes).max(1).min(rows));
        has_more = true;
    }
    let rows_shown = Rows { schema: Arc::clone(schema), batches: vec![shown], truncated: has_more };
    Ok(Preview { findings: Findings { rows, columns, key, candidates, cut, notes }, rows: rows_shown })
}

/// Each value as text, by which values are told apart.
fn values(column: &ArrayRef) -> Result<Vec<Option<String>>, ArrowError> {
    let options = FormatOptions::default().with_display_error(false);
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
    let mut values = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        let is_null = column.is_null(row) || *column.data_type() == DataType::Null;
        values.push(if is_null { None } else { Some(formatter.value(row).try_to_string()?) });
    }
    Ok(values)
}

/// Columns without NULL and without a value twice; where there are none, pairs of columns. A single row, of which
/// everything would be a key, says nothing.
fn candidates(
    rows: usize,
    columns: &[ColumnFindings],
    texts: &[Vec<Option<String>>],
) -> Vec<Vec<Identifier>> {
    if rows < 2 {
        return Vec::new();
    }
    let is_unique = |column: &&ColumnFindings| column.nulls == 0 && column.distinct == rows;
    let single: Vec<_> = columns.iter().filter(is_unique).map(|column| vec![column.name.clone()]).collect();
    if !single.is_empty() {
        return single.into_iter().take(MOST_CANDIDATES).collect();
    }
    // A column of one value tells no rows apart.
    let may_help = |place: &usize| columns[*place].nulls == 0 && columns[*place].distinct > 1;
    let places: Vec<usize> = (0..columns.len()).filter(may_help).take(PAIRED_COLUMNS).collect();
    let mut pairs = Vec::new();
    for (number, &one) in places.iter().enumerate() {
        for &other in &places[number + 1..] {
            let seen: HashSet<_> = texts[one].iter().zip(&texts[other]).collect();
            if seen.len() == rows {
                pairs.push(vec![columns[one].name.clone(), columns[other].name.clone()]);
            }
            if pairs.len() == MOST_CANDIDATES {
                return pairs;
            }
        }
    }
    pairs
}

/// A column with its long values cut, and how many were.
fn shortened(column: &ArrayRef) -> (ArrayRef, usize) {
    let mut cut = 0;
    let shown: ArrayRef = match column.data_type() {
        DataType::Utf8 => {
            let mut short = |text: &str| match text.char_indices().nth(LONGEST_TEXT) {
                Some((end, _)) => {
                    cut += 1;
                    format!("{}…", &text[..end])
                }
                None => text.to_owned(),
            };
            let texts = column.as_string::<i32>().iter();
            Arc::new(texts.map(|text| text.map(&mut short)).collect::<StringArray>())
        }
        DataType::Binary => {
            let mut short = |bytes: &[u8]| {
                cut += usize::from(bytes.len() > LONGEST_BINARY);
                bytes[..bytes.len().min(LONGEST_BINARY)].to_vec()
            };
            let binaries = column.as_binary::<i32>().iter();
            Arc::new(binaries.map(|bytes| bytes.map(&mut short)).collect::<BinaryArray>())
        }
        _ => Arc::clone(column),
    };
    (shown, cut)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::Int64Array;
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| {
                let metadata = HashMap::from([("source_type".to_owned(), format!("type of {name}"))]);
                Field::new(*name, column.data_type().clone(), true).with_metadata(metadata)
            })
            .collect();
        let columns = columns.iter().map(|(_, column)| Arc::clone(column)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn numbers(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    fn texts(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn look(batch: &RecordBatch, most: usize, key: &[&str]) -> Preview {
        let key = key.iter().map(|name| Identifier::parse("key", name).unwrap()).collect();
        let has_more = batch.num_rows() > most;
        of_rows(&batch.schema(), std::slice::from_ref(batch), (most, has_more), key, Vec::new()).unwrap()
    }

    fn names(candidates: &[Vec<Identifier>]) -> Vec<String> {
        let name = |candidate: &Vec<Identifier>| {
            candidate.iter().map(Identifier::as_str).collect::<Vec<_>>().join("+")
        };
        candidates.iter().map(name).collect()
    }

    #[test]
    fn columns_are_counted_among_the_rows_that_were_looked_at() {
        let batch = batch(&[
            ("id", numbers(&[Some(1), Some(2), Some(3), Some(3)])),
            ("gap", numbers(&[None, Some(5), Some(5), None])),
        ]);
        let seen = look(&batch, 3, &[]);
        assert_eq!((seen.findings.rows, seen.rows.truncated), (3, true));
        let counts: Vec<_> =
            seen.findings.columns.iter().map(|column| (column.nulls, column.distinct)).collect();
        assert_eq!(counts, [(0, 3), (1, 1)]);
        assert_eq!(seen.findings.columns[0].type_name, "type of id");
        assert_eq!(names(&seen.findings.candidates), ["id"], "the fourth row was not looked at");
        let seen = look(&batch, 10, &[]);
        assert_eq!((seen.findings.rows, seen.rows.truncated), (4, false));
        assert!(seen.findings.candidates.is_empty());
    }

    #[test]
    fn pairs_are_candidates_where_no_column_is_one_and_none_where_the_source_has_a_key() {
        let batch = batch(&[
            ("order", numbers(&[Some(1), Some(1), Some(2)])),
            ("line", numbers(&[Some(1), Some(2), Some(1)])),
            ("same", texts(&["x", "x", "x"])),
            ("gap", numbers(&[None, Some(1), Some(2)])),
        ]);
        assert_eq!(names(&look(&batch, 10, &[]).findings.candidates), ["order+line"]);
        let with_key = look(&batch, 10, &["gap"]);
        assert!(with_key.findings.candidates.is_empty());
        assert_eq!(with_key.findings.key[0].as_str(), "gap");
        assert!(look(&batch, 1, &[]).findings.candidates.is_empty(), "one row says nothing");
    }

    #[test]
    fn long_values_are_shown_cut_and_told_apart_whole() {
        let long = |end: &str| format!("{}{end}", "ü".repeat(LONGEST_TEXT));
        let (one, other) = (long("a"), long("b"));
        let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values([vec![7; 100], vec![7; 3]]));
        let seen = look(&batch(&[("text", texts(&[&one, &other])), ("bytes", bytes)]), 10, &[]);
        assert_eq!((seen.findings.cut, seen.findings.columns[0].distinct), (3, 2));
        let shown = seen.rows.batches[0].column(0).as_string::<i32>();
        assert_eq!(shown.value(0), format!("{}…", "ü".repeat(LONGEST_TEXT)));
        assert_eq!(seen.rows.batches[0].column(1).as_binary::<i32>().value(0).len(), LONGEST_BINARY);
        let exact = "x".repeat(LONGEST_TEXT);
        assert_eq!(look(&batch(&[("text", texts(&[&exact]))]), 10, &[]).findings.cut, 0);
    }

    #[test]
    fn rows_that_would_be_too_much_to_show_are_left_out() {
        let wide = "x".repeat(LONGEST_TEXT);
        let column = texts(&vec![wide.as_str(); 100]);
        let names: Vec<String> = (0..200).map(|number| format!("c{number}")).collect();
        let columns: Vec<(&str, ArrayRef)> =
            names.iter().map(|name| (name.as_str(), Arc::clone(&column))).collect();
        let seen = look(&batch(&columns), 100, &[]);
        assert_eq!(seen.findings.rows, 100);
        let shown = seen.rows.batches[0].num_rows();
        assert!((1..100).contains(&shown) && seen.rows.truncated, "{shown} rows are shown");
    }

    #[test]
    fn an_empty_table_has_columns_and_no_findings() {
        let seen = look(&batch(&[("id", numbers(&[]))]), 10, &[]);
        assert_eq!((seen.findings.rows, seen.findings.columns.len(), seen.rows.truncated), (0, 1, false));
    }
}
