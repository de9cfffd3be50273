//! Values in nested tables, by path.

use toml::{Table, Value};

/// The value at a path.
pub(super) fn get<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() {
        Some(value)
    } else {
        get(value.as_table()?, rest)
    }
}

/// Sets a value, making the tables on its way; a table that is there stays.
pub(super) fn put(table: &mut Table, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let slot = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    if rest.is_empty() {
        let only_says_that_it_is_there = value.as_table().is_some_and(Table::is_empty);
        if !(only_says_that_it_is_there && slot.is_table()) {
            *slot = value;
        }
    } else {
        if !slot.is_table() {
            *slot = Value::Table(Table::new());
        }
        if let Value::Table(inner) = slot {
            put(inner, rest, value);
        }
    }
}

/// Makes a path what it was before.
pub(super) fn restore(table: &mut Table, path: &[String], before: &Table) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match (table.get_mut(first), before.get(first)) {
        (Some(Value::Table(inner)), before) if !rest.is_empty() => {
            let nothing = Table::new();
            restore(inner, rest, before.and_then(Value::as_table).unwrap_or(&nothing));
        }
        (_, Some(value)) => {
            table.insert(first.clone(), value.clone());
        }
        (_, None) => {
            table.remove(first);
        }
    }
}
