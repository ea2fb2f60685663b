//! What SQL of a user may do. Files, network, extensions and settings are shut off in the engine
//! itself; this list is for what the engine would still allow: more than one statement, ending the
//! transaction, changing the session, Forebay's own schema, and looking at the machine. Statements
//! are allowed by name, so that a new kind of statement is refused until it is looked at.

use forebay_core::warehouse::{WarehouseError, WarehouseErrorKind};

use crate::lexer::{Kind, Token, tokens};
use crate::names::OWN_SCHEMA;
use crate::recovery::FILE;

/// How deep brackets may be nested.
const NESTING_LIMIT: usize = 100;

/// What reads begin with.
const READING: [&str; 11] = [
    "SELECT",
    "WITH",
    "FROM",
    "VALUES",
    "TABLE",
    "DESCRIBE",
    "DESC",
    "SHOW",
    "SUMMARIZE",
    "PIVOT",
    "UNPIVOT",
];
/// What else a transformation's statements may begin with.
const WRITING: [&str; 10] =
    ["INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE", "DROP", "ALTER", "COMMENT", "ANALYZE"];
/// What a transformation may create, drop, alter and comment on. Schemas are a pool's connections.
const OBJECTS: [&str; 8] = ["TABLE", "VIEW", "INDEX", "SEQUENCE", "TYPE", "MACRO", "FUNCTION", "COLUMN"];
/// What may stand between CREATE and the object.
const CREATING: [&str; 7] = ["OR", "REPLACE", "TEMP", "TEMPORARY", "PERSISTENT", "UNIQUE", "RECURSIVE"];

/// Functions and views that tell of the machine or of other people's work, or that change the
/// engine. Their names are refused wherever they stand.
pub(crate) const UNSEEN: [&str; 24] = [
    "duckdb_settings",
    "pg_settings",
    "current_setting",
    "duckdb_databases",
    "pragma_database_list",
    "duckdb_temporary_files",
    "duckdb_secrets",
    "which_secret",
    "duckdb_extensions",
    "duckdb_extension_repositories",
    "duckdb_external_file_cache",
    "duckdb_logs",
    "duckdb_logs_parsed",
    "duckdb_log_contexts",
    "truncate_duckdb_logs",
    "write_log",
    "enable_logging",
    "disable_logging",
    "enable_profiling",
    "disable_profiling",
    "enable_profile",
    "disable_profile",
    "duckdb_profiling_settings",
    "json_execute_serialized_sql",
];
/// As above for names that could be a column's: refused only where they are called. Some take SQL
/// or the name of a table as a text that nothing here has looked at, some an address in memory.
pub(crate) const UNCALLED: [&str; 14] = [
    "query",
    "query_table",
    "duckdb_table_sample",
    "checkpoint",
    "force_checkpoint",
    "create_external_resource",
    "register_external_resource",
    "register_external_resource_type",
    "deregister_external_resource",
    "destroy_external_resource",
    "sleep_ms",
    "arrow_scan",
    "arrow_scan_dumb",
    "seq_scan",
];

/// Functions that read files. The engine lets nobody at files but at its own: the pool's file, its log and
/// the temporary files, which are nobody's to read, and of which to close one drops the pool's lock.
pub(crate) const OF_FILES: [&str; 26] = [
    "glob",
    "parquet_bloom_probe",
    "parquet_file_metadata",
    "parquet_full_metadata",
    "parquet_kv_metadata",
    "parquet_metadata",
    "parquet_scan",
    "parquet_schema",
    "read_blob",
    "read_csv",
    "read_csv_auto",
    "read_duckdb",
    "read_json",
    "read_json_auto",
    "read_json_objects",
    "read_json_objects_auto",
    "read_ndjson",
    "read_ndjson_auto",
    "read_ndjson_objects",
    "read_parquet",
    "read_single_csv_file",
    "read_single_json_file",
    "read_single_parquet_file",
    "read_text",
    "sniff_csv",
    "which_secret",
];

/// Checks one statement of a transformation.
///
/// # Errors
/// `Invalid`, saying what is not allowed.
pub(crate) fn check_statement(sql: &str) -> Result<Effect, WarehouseError> {
    let statement = one_statement(sql)?;
    let effect = check_kind(&statement, true)?;
    check_names(&statement)?;
    Ok(effect)
}

/// Checks that a text is one statement that reads.
///
/// # Errors
/// `Invalid`, saying what is not allowed.
pub(crate) fn check_query(sql: &str) -> Result<(), WarehouseError> {
    let statement = one_statement(sql)?;
    check_kind(&statement, false)?;
    check_names(&statement)
}

/// What a statement answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Rows.
    Reads,
    /// How many rows it changed.
    Changes,
}

fn invalid(message: impl Into<String>) -> WarehouseError {
    WarehouseError::new(WarehouseErrorKind::Invalid, message)
}

/// That a query is none.
pub(crate) fn not_reading() -> WarehouseError {
    invalid(
        "a query must begin with SELECT, WITH, FROM, VALUES, TABLE, DESCRIBE, SHOW, SUMMARIZE, PIVOT, UNPIVOT or EXPLAIN of one of these, and change nothing; what changes tables is a task of a job: save it there and execute the job",
    )
}

fn one_statement(sql: &str) -> Result<Vec<Token<'_>>, WarehouseError> {
    let mut tokens =
        tokens(sql).map_err(|reason| invalid(format!("the statement cannot be read: {reason}")))?;
    while tokens.last().is_some_and(|token| token.kind == Kind::End) {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err(invalid("the statement is empty"));
    }
    if tokens.iter().any(|token| token.kind == Kind::End) {
        return Err(invalid("this is more than one statement; give one at a time"));
    }
    check_nesting(&tokens)?;
    Ok(tokens)
}

/// The engine's parser takes minutes for brackets that are nested thousands deep, and cannot be
/// interrupted.
fn check_nesting(statement: &[Token<'_>]) -> Result<(), WarehouseError> {
    let mut depth = 0_usize;
    for token in statement {
        if ["(", "[", "{"].iter().any(|sign| token.is_sign(sign)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|sign| token.is_sign(sign)) {
            depth = depth.saturating_sub(1);
        }
        if depth > NESTING_LIMIT {
            let text = format!(
                "brackets are nested more than {NESTING_LIMIT} deep; write the parts as WITH queries"
            );
            return Err(invalid(text));
        }
    }
    Ok(())
}

fn check_kind(statement: &[Token<'_>], may_write: bool) -> Result<Effect, WarehouseError> {
    let statement = without_explain(statement);
    let mut rest = statement.iter().skip_while(|token| token.is_sign("("));
    let first = rest.next().filter(|token| token.kind == Kind::Word);
    let first = first.map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
    if READING.contains(&first.as_str()) {
        return Ok(if first == "WITH" && with_changes(statement) { Effect::Changes } else { Effect::Reads });
    }
    if !may_write {
        return Err(not_reading());
    }
    if !WRITING.contains(&first.as_str()) {
        let what = if first.is_empty() { "a statement without a name" } else { &first };
        return Err(invalid(format!(
            "{what} is not allowed in a transformation: it works on the pool's tables, in one transaction, with {} and {}",
            READING.join(", "),
            WRITING.join(", ")
        )));
    }
    let mut object = rest.skip_while(|token| CREATING.iter().any(|word| token.is(word)));
    let named = match first.as_str() {
        "CREATE" | "DROP" | "ALTER" => object.next(),
        "COMMENT" => object.nth(1),
        "UPDATE" if statement.len() < 4 || !statement.iter().any(|token| token.is("SET")) => {
            return Err(invalid("UPDATE must name a table and SET"));
        }
        _ => return Ok(Effect::Changes),
    };
    if named.is_some_and(|token| OBJECTS.iter().any(|word| token.is(word))) {
        return Ok(Effect::Changes);
    }
    let named = named.map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
    Err(invalid(format!(
        "{first} {named} is not allowed in a transformation; it may {first} only {}",
        OBJECTS.join(", ")
    )))
}

/// The statement that an EXPLAIN speaks of: with ANALYZE, it is executed.
fn without_explain<'a, 'b>(statement: &'a [Token<'b>]) -> &'a [Token<'b>] {
    let Some((first, mut rest)) = statement.split_first() else { return statement };
    if !first.is("EXPLAIN") {
        return statement;
    }
    if let Some((next, after)) = rest.split_first()
        && (next.is("ANALYZE") || next.is("ANALYSE"))
    {
        rest = after;
    }
    // Options are in brackets, as `(ANALYZE, FORMAT json)`; a query in brackets begins with a query.
    let is_query = rest.iter().find(|token| !token.is_sign("(")).is_some_and(|token| {
        READING.iter().chain(&WRITING).any(|word| token.is(word) && !token.is("ANALYZE"))
    });
    if !is_query
        && rest.first().is_some_and(|token| token.is_sign("("))
        && let Some(end) = rest.iter().position(|token| token.is_sign(")"))
    {
        rest = &rest[end + 1..];
    }
    rest
}

/// Whether a statement that begins with WITH changes rows in the end.
fn with_changes(statement: &[Token<'_>]) -> bool {
    let mut depth = 0_u32;
    for token in statement {
        if token.is_sign("(") {
            depth += 1;
        } else if token.is_sign(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && ["INSERT", "UPDATE", "DELETE", "MERGE"].iter().any(|word| token.is(word)) {
            return true;
        }
    }
    false
}

fn check_names(statement: &[Token<'_>]) -> Result<(), WarehouseError> {
    for (position, token) in statement.iter().enumerate() {
        // DuckDB takes a text for a name in some places, so texts are looked at too.
        let text = token.text.to_ascii_lowercase();
        if text.contains(OWN_SCHEMA) {
            return Err(invalid(format!("names with {OWN_SCHEMA} in them are Forebay's own")));
        }
        // A file that stands where a table may.
        if text.contains(FILE) {
            return Err(invalid(format!("names with {FILE} in them are Forebay's own")));
        }
        let next = statement.get(position + 1);
        if let Some(name) = token.named() {
            let called = next.is_some_and(|next| next.is_sign("("));
            if UNSEEN.contains(&name.as_str()) || (called && UNCALLED.contains(&name.as_str())) {
                return Err(invalid(format!("{name} is not allowed: it shows or changes the server itself")));
            }
            if called && OF_FILES.contains(&name.as_str()) {
                return Err(invalid(format!(
                    "{name} is not allowed: SQL reads no files; extract them with a connection for files"
                )));
            }
        }
        let before = position.checked_sub(1).and_then(|before| statement.get(before));
        let is_label = before.is_some_and(|before| before.text == ".");
        if token.is("SHOW") && !is_label {
            let lists_tables = next.is_none_or(|next| next.is("TABLES") || next.is("ALL"));
            if !lists_tables {
                return Err(invalid(
                    "SHOW may be SHOW TABLES or SHOW ALL TABLES; DESCRIBE shows a table's columns",
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
