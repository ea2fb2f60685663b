//! Rows of a sheet as name mappings, whatever file they come from. The first row that has a column for translations
//! says what the columns mean.

use std::collections::{BTreeSet, HashMap};

use forebay_core::error::{Error, Result};
use forebay_core::model::DataModel;
use forebay_core::model::name_mapping::{MappingKind, NAME_MAPPING_LIMIT, NameMapping};

/// Columns beyond this one are not looked at.
pub(super) const COLUMNS: u32 = 64;
/// The most characters of a text.
pub(super) const TEXT_LIMIT: usize = 4_000;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Field {
    Table,
    Column,
    /// The key of a text that names neither.
    Key,
    /// Any of the three.
    Identifier,
    Language,
    Translation,
    Description,
    Kind,
}

/// Takes rows one after the other.
pub(super) struct MappingReader {
    /// The names of the model's tables, in lower case: an identifier without a kind that is one of them is a table.
    tables: BTreeSet<String>,
    sheet: String,
    header: Option<HashMap<u32, Field>>,
    header_seen: bool,
    /// Places in `mappings`, so that what comes twice counts once.
    places: HashMap<(MappingKind, String, String), usize>,
    mappings: Vec<NameMapping>,
}

impl Field {
    /// The column of this heading: upper and lower case and what is no letter make no difference.
    fn of(heading: &str) -> Option<Self> {
        let letters: String =
            heading.chars().filter(|letter| letter.is_alphabetic()).flat_map(char::to_lowercase).collect();
        Some(match letters.as_str() {
            "tablename" | "table" => Self::Table,
            "columnname" | "column" => Self::Column,
            "translationkey" | "key" => Self::Key,
            "identifier" => Self::Identifier,
            "languagekey" | "language" => Self::Language,
            "translation" => Self::Translation,
            "description" => Self::Description,
            "mappingtype" | "type" => Self::Kind,
            _ => return None,
        })
    }
}

impl MappingReader {
    pub(super) fn new(model: &DataModel) -> Self {
        let names = |table: &forebay_core::model::ModelTable| {
            [table.table.as_str().to_lowercase(), table.alias_or_name().as_str().to_lowercase()]
        };
        Self {
            tables: model.tables.iter().flat_map(names).collect(),
            sheet: String::new(),
            header: None,
            header_seen: false,
            places: HashMap::new(),
            mappings: Vec::new(),
        }
    }

    /// What follows are the rows of another sheet; an empty name for a file that has one alone.
    pub(super) fn begin_sheet(&mut self, name: &str) {
        name.clone_into(&mut self.sheet);
        self.header = None;
    }

    /// Takes a row: its number in the sheet from 1, and its cells by their columns from 0.
    ///
    /// # Errors
    /// `Invalid`, naming the row.
    pub(super) fn row(&mut self, number: u64, cells: &[(u32, String)]) -> Result<()> {
        let Some(header) = &self.header else {
            let header: HashMap<u32, Field> =
                cells.iter().filter_map(|(column, text)| Some((*column, Field::of(text)?))).collect();
            // A sheet may begin with explanations.
            if header.values().any(|field| *field == Field::Translation) {
                self.header = Some(header);
                self.header_seen = true;
            }
            return Ok(());
        };
        let mut texts: HashMap<Field, &str> = HashMap::new();
        for (column, text) in cells {
            let text = text.trim();
            if let Some(field) = header.get(column)
                && !text.is_empty()
            {
                texts.insert(*field, text);
            }
        }
        // A line of a template that nobody has filled in.
        let Some(translation) = texts.get(&Field::Translation) else { return Ok(()) };
        let (kind, identifier) =
            self.what_is_named(&texts).map_err(|reason| self.invalid(number, &reason))?;
        let language = texts.get(&Field::Language).copied().unwrap_or_default();
        let description = texts.get(&Field::Description).map(|text| (*text).to_owned());
        for text in [identifier.as_str(), translation, language, description.as_deref().unwrap_or_default()] {
            if text.chars().count() > TEXT_LIMIT {
                return Err(self.invalid(number, &format!("a text has more than {TEXT_LIMIT} characters")));
            }
        }
        let mapping = NameMapping {
            kind,
            identifier,
            language: language.to_owned(),
            translation: (*translation).to_owned(),
            description,
        };
        self.keep(mapping)
    }

    /// All mappings, in the order in which they came first.
    ///
    /// # Errors
    /// `Invalid` when no sheet had a column for translations.
    pub(super) fn end(self) -> Result<Vec<NameMapping>> {
        if self.header_seen {
            return Ok(self.mappings);
        }
        Err(Error::invalid(
            "file",
            "has no column TRANSLATION; name the columns in the first row: TABLE_NAME, COLUMN_NAME (for columns), \
             LANGUAGE_KEY, TRANSLATION, DESCRIPTION",
        ))
    }

    fn keep(&mut self, mapping: NameMapping) -> Result<()> {
        let key = (mapping.kind, mapping.identifier.clone(), mapping.language.clone());
        if let Some(place) = self.places.get(&key) {
            self.mappings[*place] = mapping;
            return Ok(());
        }
        if self.mappings.len() == NAME_MAPPING_LIMIT {
            let reason = format!("has more than {NAME_MAPPING_LIMIT} name mappings, which are the most");
            return Err(Error::invalid("file", reason));
        }
        self.places.insert(key, self.mappings.len());
        self.mappings.push(mapping);
        Ok(())
    }

    /// The kind and the identifier of a row, or what is wrong with it.
    fn what_is_named(&self, texts: &HashMap<Field, &str>) -> Result<(MappingKind, String), String> {
        let said = match texts.get(&Field::Kind) {
            None => None,
            Some(word) if word.eq_ignore_ascii_case("TABLE") => Some(MappingKind::Table),
            Some(word) if word.eq_ignore_ascii_case("COLUMN") => Some(MappingKind::Column),
            Some(word) if word.eq_ignore_ascii_case("GENERAL") => Some(MappingKind::General),
            Some(word) => return Err(format!("the type `{word}` is none of TABLE, COLUMN and GENERAL")),
        };
        let text = |field| texts.get(&field).copied();
        let (kind, identifier) = match (text(Field::Table), text(Field::Column), text(Field::Key)) {
            (Some(table), Some(column), _) => (MappingKind::Column, format!("{table}.{column}")),
            (Some(table), None, _) => (MappingKind::Table, table.to_owned()),
            (None, Some(column), _) => (MappingKind::Column, column.to_owned()),
            (None, None, Some(key)) => (MappingKind::General, key.to_owned()),
            (None, None, None) => {
                let identifier = text(Field::Identifier)
                    .ok_or_else(|| "there is a translation, and nothing says of what".to_owned())?;
                let is_table = self.tables.contains(&identifier.to_lowercase());
                let kind = if is_table { MappingKind::Table } else { MappingKind::Column };
                (kind, identifier.to_owned())
            }
        };
        Ok((said.unwrap_or(kind), identifier))
    }

    fn invalid(&self, number: u64, reason: &str) -> Error {
        let of_sheet =
            if self.sheet.is_empty() { String::new() } else { format!(" of sheet `{}`", self.sheet) };
        Error::invalid("file", format!("row {number}{of_sheet}: {reason}"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use forebay_core::Timestamp;
    use forebay_core::id::{DataModelId, DataPoolId, ModelTableId};
    use forebay_core::model::{Calendar, ModelTable};
    use forebay_core::name::{Identifier, Name};

    use super::*;

    /// A reader for a model with the table `EKKO`, shown as `Orders`.
    pub(in super::super) fn reader() -> MappingReader {
        let name = |text| Identifier::parse("name", text).unwrap();
        let table = ModelTable {
            id: ModelTableId::random(),
            connection_id: None,
            table: name("EKKO"),
            alias: Some(name("Orders")),
            primary_key: Vec::new(),
        };
        MappingReader::new(&DataModel {
            id: DataModelId::random(),
            pool_id: DataPoolId::random(),
            name: Name::parse("name", "M").unwrap(),
            description: None,
            tables: vec![table],
            foreign_keys: Vec::new(),
            processes: Vec::new(),
            calendar: Calendar::default(),
            created_at: Timestamp::from_millis(0),
            created_by: None,
            changed_at: Timestamp::from_millis(0),
        })
    }

    /// Each mapping as one text.
    pub(in super::super) fn shown(mappings: &[NameMapping]) -> Vec<String> {
        let show = |mapping: &NameMapping| {
            format!(
                "{} {} {} {}",
                mapping.kind.as_str(),
                mapping.identifier,
                mapping.language,
                mapping.translation
            )
        };
        mappings.iter().map(show).collect()
    }

    fn read(rows: &[&[&str]]) -> Result<Vec<NameMapping>> {
        let mut reader = reader();
        reader.begin_sheet("S");
        for (number, row) in (1..).zip(rows) {
            let cells: Vec<(u32, String)> = (0..).zip(row.iter().map(|text| (*text).to_owned())).collect();
            reader.row(number, &cells)?;
        }
        reader.end()
    }

    #[test]
    fn the_columns_of_a_template_say_what_is_named() {
        let mappings = read(&[
            &["Fill in the third column"],
            &["TABLE_NAME", "COLUMN_NAME", "LANGUAGE_KEY", "Translation", "Note"],
            &["EKKO", "", "EN", "Purchase order", "x"],
            &["EKKO", "EBELN", "EN", " Number "],
            &["EKKO", "BUKRS", "EN", ""],
            &["EKKO", "EBELN", "EN", "Order number"],
        ]);
        assert_eq!(
            shown(&mappings.unwrap()),
            ["TABLE EKKO EN Purchase order", "COLUMN EKKO.EBELN EN Order number"]
        );
        let mappings = read(&[&["translation key", "language", "translation"], &["greeting", "DE", "Hallo"]]);
        assert_eq!(shown(&mappings.unwrap()), ["GENERAL greeting DE Hallo"]);
    }

    #[test]
    fn the_fields_of_the_list_are_columns_as_well() {
        let mappings = read(&[
            &["identifier", "translation", "language", "description", "mappingType"],
            &["orders", "Bestellungen", "DE", "all", ""],
            &["EBELN", "Nummer", "DE", "", ""],
            &["EBELN", "Text", "DE", "", "general"],
        ])
        .unwrap();
        assert_eq!(
            shown(&mappings),
            ["TABLE orders DE Bestellungen", "COLUMN EBELN DE Nummer", "GENERAL EBELN DE Text"]
        );
        assert_eq!(mappings[0].description.as_deref(), Some("all"));
    }

    #[test]
    fn a_row_that_makes_no_sense_is_named() {
        let check = |rows: &[&[&str]], expected: &str| {
            let error = read(rows).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        check(
            &[&["TABLE_NAME", "TRANSLATION"], &["", "x"]],
            "file: row 2 of sheet `S`: there is a translation",
        );
        check(
            &[&["identifier", "translation", "type"], &["a", "b", "view"]],
            "file: row 2 of sheet `S`: the type",
        );
        check(&[&["a", "b"], &["c", "d"]], "file: has no column TRANSLATION");
        check(&[], "file: has no column TRANSLATION");
        let long = "x".repeat(4_001);
        check(
            &[&["TABLE_NAME", "TRANSLATION"], &["t", &long]],
            "file: row 2 of sheet `S`: a text has more than",
        );
    }
}
