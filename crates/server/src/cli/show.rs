//! How answers are shown: as JSON, as aligned columns, and the receipts of an execution.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

/// Prints lines. What a name or a source's message says must not steer the terminal: control
/// characters are shown, not sent.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Ok(writeln!(std::io::stdout(), "{safe}")?)
}

/// Prints an answer as JSON.
pub(super) fn say_json(value: &Value) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?)
}

/// Prints a list: as JSON, or as a table of the named fields.
pub(super) fn say_list(list: &Value, fields: &[&str], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        say_json(list)?;
    } else {
        let header = fields.iter().map(|field| (*field).to_owned()).collect();
        let mut rows = vec![header];
        for entry in list.as_array().into_iter().flatten() {
            rows.push(fields.iter().map(|field| plain(&entry[*field])).collect());
        }
        say(&columns(&rows, &[]))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A value for people: a text without quotes, nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rows as aligned columns; the columns named in `right` are aligned to the right.
pub(super) fn columns(rows: &[Vec<String>], right: &[usize]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut lines = Vec::new();
    for row in rows {
        let mut line = String::new();
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            if right.contains(&index) {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// A number in groups of three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What an execution did to each table, as a table for people; below it the messages of what has no
/// receipt and, last, how it ended.
pub(crate) fn receipts(execution: &Value) -> String {
    let header = [
        "step", "status", "read", "inserted", "updated", "deleted", "rejected", "before", "after", "seconds",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut messages = Vec::new();
    for task in execution["tasks"].as_array().into_iter().flatten() {
        let task_name = plain(&task["name"]);
        let steps = task["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        if steps.is_empty() {
            rows.push(vec![task_name.clone(), plain(&task["status"])]);
        }
        for step in steps {
            let name = format!("{task_name}: {}", step_name(step));
            let mut row = vec![name.clone(), plain(&step["status"])];
            let receipt = &step["receipt"];
            if receipt.is_object() {
                for field in [
                    "rowsRead",
                    "rowsInserted",
                    "rowsUpdated",
                    "rowsDeleted",
                    "rowsRejected",
                    "rowsBefore",
                    "rowsAfter",
                ] {
                    row.push(receipt[field].as_u64().map(grouped).unwrap_or_default());
                }
                row.push(
                    receipt["seconds"].as_f64().map(|seconds| format!("{seconds:.2}")).unwrap_or_default(),
                );
            }
            rows.push(row);
            // A receipt says it all.
            if let (Some(message), false) = (step["message"].as_str(), receipt.is_object()) {
                messages.push(format!("{name}: {message}"));
            }
        }
        if let (Some(message), true) = (task["message"].as_str(), task["status"] != "SUCCESS") {
            messages.push(format!("{task_name}: {message}"));
        }
    }
    let mut text = columns(&rows, &[2, 3, 4, 5, 6, 7, 8, 9]);
    for message in messages {
        text.push('\n');
        text.push_str(&message);
    }
    text.push_str(&format!("\n{} {}", plain(&execution["mode"]), plain(&execution["status"])));
    if let (Some(started), Some(finished)) =
        (execution["startedAt"].as_i64(), execution["finishedAt"].as_i64())
    {
        let millis = finished - started;
        text.push_str(&format!(" in {}.{:01} s", millis / 1000, millis % 1000 / 100));
    }
    if let Some(message) = execution["message"].as_str() {
        text.push_str(&format!(": {message}"));
    } else if let Some(waits) = execution["waitingFor"]["text"].as_str() {
        text.push_str(&format!(": {waits}"));
    }
    if let Some(attempt) = execution["attempt"].as_u64().filter(|attempt| *attempt > 1) {
        text.push_str(&format!("\nattempt {attempt}"));
    }
    if let Some(because) = execution["requeuedBecause"].as_str() {
        text.push_str(&format!("\nput back into the queue: {because}"));
    }
    text
}

/// A step's name in one short line: a transformation's steps are named after their SQL.
pub(super) fn step_name(step: &Value) -> String {
    const LIMIT: usize = 40;
    let name = plain(&step["name"]);
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() <= LIMIT {
        return name;
    }
    let mut short: String = name.chars().take(LIMIT - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        let check = |number: u64, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn receipts_show_every_table_and_how_it_ended() {
        let receipt = json!({
            "rowsRead": 1500, "rowsInserted": 500, "rowsUpdated": 1000, "rowsDeleted": 0, "rowsRejected": 0,
            "rowsBefore": 33000, "rowsAfter": 33500, "seconds": 0.25,
        });
        let execution = json!({
            "mode": "DELTA", "status": "FAIL", "message": "the task Extract failed",
            "startedAt": 1_000, "finishedAt": 2_340,
            "tasks": [{"name": "Extract", "status": "FAIL", "message": null, "steps": [
                {"name": "orders", "status": "SUCCESS", "message": null, "receipt": receipt},
                {"name": "items", "status": "FAIL", "message": "no such table", "receipt": null},
            ]}],
        });
        let expected = "\
step             status    read  inserted  updated  deleted  rejected  before   after  seconds
Extract: orders  SUCCESS  1,500       500    1,000        0         0  33,000  33,500     0.25
Extract: items   FAIL
Extract: items: no such table
DELTA FAIL in 1.3 s: the task Extract failed";
        assert_eq!(receipts(&execution), expected);
    }

    #[test]
    fn an_execution_that_waits_says_for_what_and_what_came_before() {
        let execution = json!({
            "mode": "FULL", "status": "QUEUED", "message": null, "attempt": 2, "tasks": [],
            "waitingFor": {"reason": "BACKOFF", "text": "it is tried again in 9 seconds", "until": 1},
            "requeuedBecause": "the worker died; it is tried once more",
        });
        let text = receipts(&execution);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let expected = [
            "FULL QUEUED: it is tried again in 9 seconds",
            "attempt 2",
            "put back into the queue: the worker died; it is tried once more",
        ];
        assert_eq!(lines, expected);
    }
}
