//! Calls of functions. Most are lines of the tables in `signature`; what is left takes its arguments in ways of its
//! own.

use super::expression::{Compiler, Level, Place, Value, alike};
use super::literal;
use super::signature::{AGGREGATES, SIGNATURES, Signature, UNITS, Wanted, filled};
use crate::error::{Position, PqlError};
use crate::model::Kind;
use crate::query::{Call, Expression, Operator, Part};

impl Compiler<'_> {
    pub(super) fn call(&mut self, call: &Call, position: Position) -> Result<Value, PqlError> {
        let name = call.function.as_str();
        let arguments = call.arguments.as_slice();
        if call.distinct && name != "COUNT" {
            let reason = format!("only COUNT takes DISTINCT, not {name}");
            return Err(PqlError::new(position, reason));
        }
        match (name, arguments) {
            ("DIV", [left, right]) => self.calculated(Operator::Divide, name, left, right),
            ("MODULO", [left, right]) => self.calculated(Operator::Modulo, name, left, right),
            ("CONCAT", [_, _, ..]) => self.concatenation(arguments.iter()),
            ("COALESCE", [_, ..]) => self.coalesce(arguments),
            ("TO_STRING", [date, format]) => self.formatted(date, format),
            ("TO_DATE", [text, format]) => self.parsed(text, format),
            ("DATEDIFF", [unit, begin, end]) => self.difference(unit, begin, end),
            ("COUNT_TABLE", [table]) => self.count_table(table, position),
            ("DIV" | "MODULO", _) => Err(arity(position, name, "2 arguments")),
            ("CONCAT", _) => Err(arity(position, name, "2 arguments or more")),
            ("COALESCE", _) => Err(arity(position, name, "an argument or more")),
            ("TO_DATE", _) => Err(arity(position, name, "a STRING and FORMAT ( '…' )")),
            ("DATEDIFF", _) => Err(arity(position, name, "a unit and 2 dates")),
            ("COUNT_TABLE", _) => Err(arity(position, name, "the name of a table")),
            _ if AGGREGATES.iter().any(|known| known.name == name) => self.aggregate(call, position),
            _ if SIGNATURES.iter().any(|known| known.name == name) => {
                self.by_signature(SIGNATURES, name, arguments, position)
            }
            _ => {
                let reason = format!(
                    "there is no function {name}; docs/pql.md lists those of the language that there are"
                );
                Err(PqlError::new(position, reason))
            }
        }
    }

    fn by_signature(
        &mut self,
        table: &[Signature],
        name: &str,
        arguments: &[Expression],
        position: Position,
    ) -> Result<Value, PqlError> {
        let (mut values, mut level) = (Vec::new(), Level::Constant);
        for argument in arguments {
            let value = self.value(argument)?;
            level = level.with(value.level)?;
            values.push(value);
        }
        let named: Vec<&Signature> = table.iter().filter(|known| known.name == name).collect();
        let fits = |known: &&&Signature| {
            known.arguments.len() == values.len()
                && known.arguments.iter().zip(&values).all(|(wanted, value)| wanted.takes(value.kind))
        };
        let Some(found) = named.iter().find(fits) else {
            return Err(misfit(name, &named, &values, position));
        };
        let sqls: Vec<String> = found.arguments.iter().zip(&values).map(handed_on).collect();
        Ok(Value { sql: filled(found.sql, &sqls), kind: Some(found.result), level })
    }

    fn aggregate(&mut self, call: &Call, position: Position) -> Result<Value, PqlError> {
        let name = &call.function;
        self.begin_aggregate(name, position)?;
        let value = self.by_signature(AGGREGATES, name, &call.arguments, position);
        self.place = Place::Table;
        let Value { sql, kind, .. } = value?;
        let sql = if call.distinct { sql.replacen('(', "(DISTINCT ", 1) } else { sql };
        Ok(Value { sql, kind, level: Level::Aggregate })
    }

    fn begin_aggregate(&mut self, name: &str, position: Position) -> Result<(), PqlError> {
        let reason = match self.place {
            Place::Table => {
                self.place = Place::InAggregate;
                return Ok(());
            }
            Place::Filter => format!("a FILTER takes no aggregates, and {name} is one; filter by columns"),
            Place::InAggregate => format!("an aggregate takes no aggregates, and {name} is one"),
        };
        Err(PqlError::new(position, reason))
    }

    /// How many rows of a table there are in a group. It must be the one whose rows are grouped.
    fn count_table(&mut self, table: &Expression, position: Position) -> Result<Value, PqlError> {
        self.begin_aggregate("COUNT_TABLE", position)?;
        self.place = Place::Table;
        let Part::Name(name) = &table.part else {
            return Err(arity(position, "COUNT_TABLE", "the name of a table"));
        };
        let place = self.table(name, table.position)?;
        self.used.entry(place).or_insert(table.position);
        self.counted.entry(place).or_insert(table.position);
        Ok(Value { sql: "count(*)".to_owned(), kind: Some(Kind::Int), level: Level::Aggregate })
    }

    /// That the rows which are counted are those of the common table.
    pub(super) fn check_row_counts(&self, common: usize) -> Result<(), PqlError> {
        match self.counted.iter().find(|(table, _)| **table != common) {
            None => Ok(()),
            Some((table, position)) => {
                let (table, common) = (&self.model.tables[*table].name, &self.model.tables[common].name);
                let reason = format!(
                    "COUNT_TABLE counts the rows of \"{common}\" here, to which the others are joined, and not those of \
                     \"{table}\"; COUNT ( DISTINCT … ) of its key counts them"
                );
                Err(PqlError::new(*position, reason))
            }
        }
    }

    fn coalesce(&mut self, arguments: &[Expression]) -> Result<Value, PqlError> {
        let mut values = Vec::new();
        for argument in arguments {
            values.push((argument.position, self.value(argument)?));
        }
        let (kind, sqls, level) = alike(values, "the arguments of COALESCE")?;
        Ok(Value { sql: format!("coalesce({})", sqls.join(", ")), kind, level })
    }

    /// A date as a text.
    fn formatted(&mut self, date: &Expression, format: &Expression) -> Result<Value, PqlError> {
        let format = date_format(format)?;
        let value = self.date(date, "TO_STRING with a FORMAT")?;
        Ok(Value {
            sql: format!("strftime({}, {})", value.sql, literal(&format)),
            kind: Some(Kind::String),
            ..value
        })
    }

    /// A text as a date; NULL when it is none.
    fn parsed(&mut self, text: &Expression, format: &Expression) -> Result<Value, PqlError> {
        let format = date_format(format)?;
        let value = self.value(text)?;
        if !Wanted::Text.takes(value.kind) {
            return Err(PqlError::new(text.position, "TO_DATE takes a STRING"));
        }
        let sql = format!("try_strptime(CAST({} AS VARCHAR), {})", value.sql, literal(&format));
        Ok(Value { sql, kind: Some(Kind::Date), ..value })
    }

    fn date(&mut self, expression: &Expression, what: &str) -> Result<Value, PqlError> {
        let value = self.value(expression)?;
        match value.kind {
            Some(Kind::Date) => Ok(value),
            None => Ok(Value { sql: "CAST(NULL AS TIMESTAMP)".to_owned(), kind: Some(Kind::Date), ..value }),
            Some(kind) => {
                let reason = format!("{what} takes a DATE, and this is of the type {kind}");
                Err(PqlError::new(expression.position, reason))
            }
        }
    }

    fn difference(
        &mut self,
        unit: &Expression,
        begin: &Expression,
        end: &Expression,
    ) -> Result<Value, PqlError> {
        let units = UNITS.map(|(unit, _)| unit).join(", ");
        let found = match &unit.part {
            Part::Name(name) => UNITS.iter().find(|(unit, _)| name.eq_ignore_ascii_case(unit)),
            _ => None,
        };
        let Some((_, function)) = found else {
            return Err(PqlError::new(unit.position, format!("DATEDIFF counts in one of the units {units}")));
        };
        self.by_signature(SIGNATURES, function, &[begin.clone(), end.clone()], unit.position)
    }
}

/// The argument as its function takes it.
fn handed_on((wanted, value): (&Wanted, &Value)) -> String {
    match (value.kind, wanted) {
        (None, _) => format!("CAST(NULL AS {})", wanted.kind().type_name()),
        (Some(Kind::Int), Wanted::Number) => format!("CAST({} AS DOUBLE)", value.sql),
        _ => value.sql.clone(),
    }
}

fn arity(position: Position, name: &str, takes: &str) -> PqlError {
    PqlError::new(position, format!("{name} takes {takes}"))
}

/// What a function takes, and what it was given.
fn misfit(name: &str, known: &[&Signature], given: &[Value], position: Position) -> PqlError {
    let list = |words: Vec<String>| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
    let takes: Vec<String> = known
        .iter()
        .map(|known| list(known.arguments.iter().map(|wanted| wanted.word().to_owned()).collect()))
        .collect();
    let given =
        given.iter().map(|value| value.kind.map_or_else(|| "NULL".to_owned(), |kind| kind.to_string()));
    let reason = format!("{name} takes {}, and it was given {}", takes.join(" or "), list(given.collect()));
    PqlError::new(position, reason)
}

/// The text of FORMAT ( '…' ), checked. The fields are written as DuckDB writes them.
fn date_format(expression: &Expression) -> Result<String, PqlError> {
    const FIELDS: &str = "YmdHMS%";
    let wrong = |reason: &str| Err(PqlError::new(expression.position, reason));
    let format = match &expression.part {
        Part::Call(call) if call.function == "FORMAT" => match call.arguments.as_slice() {
            [Expression { part: Part::Text(format), .. }] => format,
            _ => return wrong("FORMAT takes a text in quotes"),
        },
        _ => return wrong("FORMAT ( '…' ) is expected, with the fields %Y, %m, %d, %H, %M, %S and %%"),
    };
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter == '%' && !letters.next().is_some_and(|field| FIELDS.contains(field)) {
            return wrong("the fields of FORMAT are %Y, %m, %d, %H, %M, %S and %%");
        }
    }
    Ok(format.clone())
}
