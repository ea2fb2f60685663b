//! What becomes of the columns of a push's files on their way into one table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use forebay_core::name::Identifier;
use forebay_core::push::{
    ChunkKind, ColumnKind, CsvOptions, FileFormat, PushColumn, PushKind, PushSchema, UpsertStrategy,
    ValueFormat,
};
use forebay_core::spec::DataPushSpec;
use forebay_core::text::cut;
use forebay_core::warehouse::{
    Absent, CHANGE_DATE_COLUMN, Key, KeyRepeats, Onto, Patch, PoolColumn, WriteMode,
};

use crate::columns::cut as cut_texts;

use super::convert::{common, converted, known_type, toward};
use super::text::Reading;

/// What a column is called that says which rows go. No file's column has its name.
const REMOVAL: &str = "_FOREBAY_REMOVAL";
/// The most of a value that a message shows, in bytes.
const SHOWN: usize = 256;

/// The columns of a load, and how the files give them.
pub(crate) struct Plan {
    pub(crate) schema: SchemaRef,
    pub(crate) mode: WriteMode,
    /// What the user should know, as sentences.
    pub(crate) notes: Vec<String>,
    columns: Vec<Column>,
    files: Vec<File>,
}

struct Column {
    name: Identifier,
    kind: DataType,
    reading: Reading,
    /// Texts with more characters are cut.
    length: Option<usize>,
    cut: u64,
}

/// Where one file has the columns.
struct File {
    kind: ChunkKind,
    /// By the columns of the plan.
    places: Vec<Option<usize>>,
    /// A column that says which rows go.
    removal: Option<usize>,
}

impl Plan {
    /// Plans the load of files into a table, whose columns are given when it is there and stays.
    ///
    /// # Errors
    /// A sentence about files that do not go together, or with the table or the settings.
    pub(crate) fn new(
        spec: &DataPushSpec,
        files: &[SchemaRef],
        table: Option<&[PoolColumn]>,
    ) -> Result<Self, String> {
        let settings = &spec.settings;
        let key = settings.key();
        let mut notes = Vec::new();
        check_names(files)?;
        check_keys(spec, files, &key)?;
        let marks = |name: &str| settings.deletion_column.as_ref().is_some_and(|column| same(column, name));
        let own = |name: &str| name.eq_ignore_ascii_case(CHANGE_DATE_COLUMN);
        if files.iter().any(|file| file.fields().iter().any(|field| own(field.name()))) {
            notes.push(format!(
                "the column {CHANGE_DATE_COLUMN} of the files is left out: the pool writes its own"
            ));
        }
        let names = column_names(spec, files, &key, |name| own(name) || marks(name))?;
        if names.is_empty() {
            return Err("the files have no columns; send some, or name them in tableSchema".to_owned());
        }
        if let Some(order) = &spec.order
            && !names.iter().any(|name| same(name, order.as_str()))
        {
            return Err(format!(
                "the last row of a key is to be found by {order}, which the files do not have; name another column, or none"
            ));
        }
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            columns.push(Column::plan(spec, files, table, name, &key)?);
        }
        let place = |file: &SchemaRef, name: &Identifier| {
            file.fields().iter().position(|field| same(name, field.name()))
        };
        let layout = |(file, chunk): (&SchemaRef, &forebay_core::spec::ChunkSpec)| File {
            kind: chunk.kind,
            places: columns.iter().map(|column| place(file, &column.name)).collect(),
            removal: settings.deletion_column.as_ref().and_then(|column| place(file, column)),
        };
        let layouts: Vec<File> = files.iter().zip(&spec.chunks).map(layout).collect();
        let removes = layouts.iter().any(|file| file.kind == ChunkKind::Delete || file.removal.is_some());
        let mut fields: Vec<Field> = columns
            .iter()
            .map(|column| Field::new(column.name.as_str(), column.kind.clone(), true))
            .collect();
        let removal = if removes { Some(removal_name(&columns)?) } else { None };
        fields.extend(removal.iter().map(|name| Field::new(name.as_str(), DataType::Boolean, true)));
        let mode = mode(spec, key, removal)?;
        Ok(Self { schema: Arc::new(Schema::new(fields)), mode, notes, columns, files: layouts })
    }

    /// Rows of a file as the load takes them; `before` is how many came before them.
    ///
    /// # Errors
    /// The value that does not fit, with its column and its place.
    pub(crate) fn apply(
        &mut self,
        file: usize,
        before: u64,
        rows: &RecordBatch,
    ) -> Result<RecordBatch, String> {
        let all = self.files.len();
        let layout = self.files.get(file).ok_or("a file that was not announced")?;
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        let shown = |name: &str, unfit: super::convert::Unfit| {
            let row = unfit.row.map(|row| format!(", row {}", before + row as u64 + 1)).unwrap_or_default();
            let value = cut(&unfit.value, SHOWN);
            let value = if unfit.row.is_some() { format!("`{value}`") } else { value.into_owned() };
            let text = format!("column {name} (file {} of {all}{row}): {value} {}", file + 1, unfit.reason);
            text.trim_end().to_owned()
        };
        for (column, place) in self.columns.iter_mut().zip(&layout.places) {
            let array = match place {
                None => new_null_array(&column.kind, rows.num_rows()),
                Some(place) => converted(rows.column(*place), &column.kind, &column.reading)
                    .map_err(|unfit| {
                        let text = shown(column.name.as_str(), unfit);
                        format!(
                            "{text}; the column's type is {}. Mend the value, say another type in tableSchema, or push with the type REPLACE",
                            column.kind
                        )
                    })?,
            };
            arrays.push(match column.length {
                Some(length) => cut_texts(&array, length, &mut column.cut),
                None => array,
            });
        }
        if arrays.len() < self.schema.fields().len() {
            arrays.push(match (layout.kind, layout.removal) {
                (ChunkKind::Delete, _) => {
                    Arc::new(BooleanArray::from(vec![true; rows.num_rows()])) as ArrayRef
                }
                (ChunkKind::Upsert, None) => Arc::new(BooleanArray::from(vec![false; rows.num_rows()])),
                (ChunkKind::Upsert, Some(place)) => {
                    converted(rows.column(place), &DataType::Boolean, &Reading::default())
                        .map_err(|unfit| shown(rows.schema().field(place).name(), unfit))?
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a file has other rows than columns");
            format!("file {} of {all} has other rows than columns; it may be damaged", file + 1)
        })
    }

    /// What was cut, as a sentence.
    pub(crate) fn cuts(&self) -> Option<String> {
        let cut: Vec<&Column> = self.columns.iter().filter(|column| column.cut > 0).collect();
        if cut.is_empty() {
            return None;
        }
        let counts = cut.iter().map(|column| {
            let length = column.length.unwrap_or_default();
            format!("{} in {} (to {length} characters)", column.cut, column.name)
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        Some(format!(
            "texts were cut: {counts}; give the columns a fieldLength in tableSchema, or the push a fallbackVarcharLength, to keep them whole"
        ))
    }
}

impl Column {
    fn plan(
        spec: &DataPushSpec,
        files: &[SchemaRef],
        table: Option<&[PoolColumn]>,
        name: Identifier,
        key: &[Identifier],
    ) -> Result<Self, String> {
        let said = said(spec.settings.table_schema.as_ref(), &name);
        let mut coming = match said {
            Some(column) => declared(column),
            None => united(spec, files, &name)?,
        };
        let known = table.into_iter().flatten().find(|column| same(&column.name, name.as_str()));
        if let Some(kind) = known.and_then(|column| known_type(&column.type_name)) {
            coming = toward(&kind, &coming);
        }
        let is_key = key.iter().any(|column| same(column, name.as_str()));
        let length = match said {
            Some(column) => column.length.unwrap_or(spec.text_length),
            None => spec.text_length,
        };
        // Two rows would become one if a key was cut.
        let length =
            (coming == DataType::Utf8 && !is_key).then(|| usize::try_from(length).unwrap_or(usize::MAX));
        let format = match &spec.settings.format {
            FileFormat::Csv(options) => CsvOptions::of_column(options, name.as_str()),
            FileFormat::Parquet => ValueFormat::default(),
        };
        Ok(Self { name, kind: coming, reading: Reading::new(format)?, length, cut: 0 })
    }
}

fn same(name: &Identifier, other: &str) -> bool {
    name.as_str().eq_ignore_ascii_case(other)
}

/// What the schema says of a column.
fn said<'a>(schema: Option<&'a PushSchema>, name: &Identifier) -> Option<&'a PushColumn> {
    schema?.columns.iter().find(|column| same(&column.name, name.as_str()))
}

/// The type that a client asked for.
fn declared(column: &PushColumn) -> DataType {
    match (column.kind, column.decimals) {
        (ColumnKind::Integer, _) => DataType::Int64,
        (ColumnKind::Date, _) => DataType::Date32,
        (ColumnKind::Time, _) => DataType::Time64(TimeUnit::Microsecond),
        (ColumnKind::Datetime, _) => DataType::Timestamp(TimeUnit::Microsecond, None),
        (ColumnKind::Float, None) => DataType::Float64,
        // The engine is quickest with up to 18 digits; half of them stay before the point.
        (ColumnKind::Float, Some(decimals)) => {
            let scale = i8::try_from(decimals).unwrap_or(i8::MAX);
            DataType::Decimal128(if decimals <= 9 { 18 } else { 38 }, scale)
        }
        (ColumnKind::Boolean, _) => DataType::Boolean,
        (ColumnKind::String, _) => DataType::Utf8,
    }
}

/// The type that a column has in all files together.
fn united(spec: &DataPushSpec, files: &[SchemaRef], name: &Identifier) -> Result<DataType, String> {
    let mut united: Option<(usize, DataType)> = None;
    for (place, file) in files.iter().enumerate() {
        let Some(field) = file.fields().iter().find(|field| same(name, field.name())) else { continue };
        united = Some(match united {
            None => (place, field.data_type().clone()),
            Some((first, kind)) => match common(&kind, field.data_type()) {
                Some(wider) => (first, wider),
                None => {
                    return Err(format!(
                        "column {name} is {kind} in file {} and {} in file {} of {}; say its type in tableSchema",
                        first + 1,
                        field.data_type(),
                        place + 1,
                        spec.chunks.len()
                    ));
                }
            },
        });
    }
    Ok(united.map_or(DataType::Null, |(_, kind)| kind))
}

/// Two columns that the warehouse cannot tell apart.
fn check_names(files: &[SchemaRef]) -> Result<(), String> {
    for (place, file) in files.iter().enumerate() {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for field in file.fields() {
            if let Some(other) = seen.insert(field.name().to_ascii_lowercase(), field.name()) {
                return Err(format!(
                    "file {}: the columns {other} and {} differ only in case, which the pool does not tell apart; rename one of them",
                    place + 1,
                    field.name()
                ));
            }
        }
    }
    Ok(())
}

/// The columns of the load: those of the files in their order, then what only the schema has.
fn column_names(
    spec: &DataPushSpec,
    files: &[SchemaRef],
    key: &[Identifier],
    is_left_out: impl Fn(&str) -> bool,
) -> Result<Vec<Identifier>, String> {
    let mut names: Vec<Identifier> = Vec::new();
    let mut first: Option<usize> = None;
    let strict = spec.settings.kind == PushKind::Delta
        && !key.is_empty()
        && spec.settings.upsert_strategy != Some(UpsertStrategy::UpsertWithNullification);
    for (place, (file, chunk)) in files.iter().zip(&spec.chunks).enumerate() {
        if chunk.kind == ChunkKind::Delete {
            continue;
        }
        let kept = file.fields().iter().map(|field| field.name().as_str()).filter(|name| !is_left_out(name));
        let kept: Vec<&str> = kept.collect();
        // A column that one file lacks would become NULL in the rows of that file, and not keep its values.
        if let (true, Some(first)) = (strict, first) {
            let lost = names.iter().find(|name| !kept.iter().any(|kept| same(name, kept)));
            let new = kept.iter().find(|kept| !names.iter().any(|name| same(name, kept)));
            let odd =
                lost.map(|name| (name.as_str(), first, place)).or(new.map(|name| (*name, place, first)));
            if let Some((name, has, lacks)) = odd {
                return Err(format!(
                    "file {} has a column {name} and file {} has not; send the same columns in all files of an upsert, or set upsertStrategy to UPSERT_WITH_NULLIFICATION",
                    has + 1,
                    lacks + 1
                ));
            }
        }
        first = first.or(Some(place));
        for name in kept {
            if !names.iter().any(|known| same(known, name)) {
                names.push(Identifier::parse("column", name).map_err(|error| error.to_string())?);
            }
        }
    }
    let only_schema = spec.settings.table_schema.iter().flat_map(|schema| &schema.columns);
    for column in only_schema.filter(|_| spec.settings.kind == PushKind::Replace) {
        if !names.iter().any(|known| same(known, column.name.as_str())) && !is_left_out(column.name.as_str())
        {
            names.push(column.name.clone());
        }
    }
    if names.is_empty() && spec.chunks.iter().any(|chunk| chunk.kind == ChunkKind::Delete) {
        names.extend(key.iter().cloned());
    }
    Ok(names)
}

/// Every file must have the key.
fn check_keys(spec: &DataPushSpec, files: &[SchemaRef], key: &[Identifier]) -> Result<(), String> {
    for (place, (file, chunk)) in files.iter().zip(&spec.chunks).enumerate() {
        if chunk.kind == ChunkKind::Delete && key.is_empty() {
            let text = "rows are deleted by key, and the push has none; make it with keys";
            return Err(text.to_owned());
        }
        let has = |column: &Identifier| file.fields().iter().any(|field| same(column, field.name()));
        if let Some(lost) = key.iter().find(|column| !has(column)) {
            return Err(format!(
                "the keys name {lost}, which file {} of {} does not have; correct the keys or send the column",
                place + 1,
                files.len()
            ));
        }
    }
    Ok(())
}

fn removal_name(columns: &[Column]) -> Result<Identifier, String> {
    let mut name = REMOVAL.to_owned();
    while columns.iter().any(|column| same(&column.name, &name)) {
        name.push('_');
    }
    Identifier::parse("column", &name).map_err(|error| error.to_string())
}

fn mode(spec: &DataPushSpec, key: Vec<Identifier>, removal: Option<Identifier>) -> Result<WriteMode, String> {
    let settings = &spec.settings;
    let key = Key::new(key);
    if removal.is_some() && key.is_none() {
        return Err("rows are deleted by key, and the push has none; make it with keys".to_owned());
    }
    Ok(WriteMode::Patch(Patch {
        onto: match settings.kind {
            PushKind::Replace => Onto::Nothing,
            PushKind::Delta => Onto::Table,
        },
        key,
        order: spec.order.clone(),
        repeats: if settings.allow_duplicate == Some(true) {
            KeyRepeats::AllStay
        } else {
            KeyRepeats::LastWins
        },
        removal,
        absent: match settings.upsert_strategy {
            Some(UpsertStrategy::UpsertWithNullification) => Absent::Null,
            Some(UpsertStrategy::UpsertWithUnchangedMetadata) | None => Absent::Unchanged,
        },
    }))
}
