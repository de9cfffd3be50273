//! Printing: the effective configuration as TOML, each value with its origin.

use std::fmt::{self, Write};

use serde::Serialize;
use toml::{Table, Value};

use super::problem::dotted;
use super::{Loaded, Origin};

/// Column of the comments, where values are short enough.
const COMMENT_COLUMN: usize = 44;

impl<T: Serialize> Loaded<T> {
    /// The configuration as it holds, secrets hidden.
    ///
    /// # Errors
    /// When `T` cannot be written as TOML, which is a defect of `T`.
    pub fn print(&self) -> Result<String, toml::ser::Error> {
        let table = Table::try_from(&self.config)?;
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.print_table(&mut text, &mut Vec::new(), &table);
        Ok(text)
    }

    /// Where the value of a setting comes from.
    pub fn origin(&self, path: &[String]) -> &Origin {
        self.origins.get(path).unwrap_or(&Origin::Default)
    }

    /// Values come before tables: in TOML a value after a table's header would belong to that table.
    fn print_table(&self, text: &mut String, path: &mut Vec<String>, table: &Table) -> fmt::Result {
        if !path.is_empty() && table.values().any(|value| !value.is_table()) {
            writeln!(text, "\n[{}]", dotted(path))?;
        }
        for (name, value) in table.iter().filter(|(_, value)| !value.is_table()) {
            path.push(name.clone());
            let setting = format!("{} = {value}", dotted(std::slice::from_ref(name)));
            writeln!(text, "{setting:COMMENT_COLUMN$} # {}", self.origin(path))?;
            path.pop();
        }
        for (name, value) in table {
            if let Value::Table(inner) = value {
                path.push(name.clone());
                self.print_table(text, path, inner)?;
                path.pop();
            }
        }
        Ok(())
    }
}
