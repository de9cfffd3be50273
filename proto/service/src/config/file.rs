//! The configuration file as a list of settings with their lines.

use std::io::Read;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::problem::Problem;
use super::stack::Setting;
use super::{Origin, Problems};

/// Longest file that is read: far more than any configuration, far less than a mistaken path may point to.
const BYTES_MAX: u64 = 1024 * 1024;
/// Syntax errors that are listed; those after the first few only follow from them.
const SYNTAX_ERRORS_MAX: usize = 3;

/// Reads a text file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, Problem> {
    let refuse = |reason: String| Problem::at(path.display(), reason);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    match opened {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
    }
    if bytes.len() as u64 > BYTES_MAX {
        return Err(refuse(format!("is longer than {BYTES_MAX} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        Problem::at(format_args!("{}:{line}", path.display()), "is not UTF-8 text")
    })?;
    Ok(Some(text))
}

/// Takes a TOML text apart.
///
/// # Errors
/// Syntax errors, with line and column but without the line itself: it may hold a secret.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Setting>, Problems> {
    let (spanned, errors) = DeTable::parse_recoverable(text);
    let refuse = |errors: &[toml::de::Error]| {
        Problems(
            errors
                .iter()
                .take(SYNTAX_ERRORS_MAX)
                .map(|error| syntax_problem(path, text, error))
                .collect(),
        )
    };
    if !errors.is_empty() {
        return Err(refuse(&errors));
    }
    let values: Table = toml::from_str(text).map_err(|error| refuse(&[error]))?;
    let mut settings = Vec::new();
    collect(path, text, &mut Vec::new(), spanned.get_ref(), values, &mut settings);
    Ok(settings)
}

/// Walks the table of positions and the table of values side by side.
fn collect(
    path: &Path,
    text: &str,
    key: &mut Vec<String>,
    positions: &DeTable<'_>,
    values: Table,
    settings: &mut Vec<Setting>,
) {
    for (name, value) in values {
        let Some((position, inner)) = positions.get_key_value(name.as_str()) else {
            continue;
        };
        let origin = Origin::File {
            path: path.to_owned(),
            line: line_and_column(text, position.span().start).0,
        };
        key.push(name);
        match (value, inner.get_ref()) {
            (Value::Table(values), DeValue::Table(positions)) => {
                settings.push(Setting {
                    path: key.clone(),
                    value: Value::Table(Table::new()),
                    origin,
                });
                collect(path, text, key, positions, values, settings);
            }
            (value, _) => settings.push(Setting {
                path: key.clone(),
                value,
                origin,
            }),
        }
        key.pop();
    }
}

fn syntax_problem(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    // The one complaint that quotes a value; the others are about the form.
    let message = error.message();
    let message = if message.starts_with("invalid type") {
        "number out of range"
    } else {
        message
    };
    let reason = format!("not valid TOML: {message}");
    match error.span() {
        Some(span) => {
            let (line, column) = line_and_column(text, span.start);
            Problem::at(format_args!("{}:{line}:{column}", path.display()), reason)
        }
        None => Problem::at(path.display(), reason),
    }
}

/// Line and column of a byte, both from 1; the column counts characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        1 + before.matches('\n').count(),
        1 + before[line_start..].chars().count(),
    )
}
