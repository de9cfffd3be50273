//! The layers of a configuration, laid over one another and checked one by one.
//!
//! Each layer is checked as soon as it is laid: what is wrong in it is reported with its own place and taken out again,
//! so that one mistake neither hides the next nor is hidden by a higher layer.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::Origin;
use super::origin::Origins;
use super::problem::Problem;
use super::tree::{get, put, restore};

/// Problems that are listed at most; whoever has more has mistaken the file.
const PROBLEMS_MAX: usize = 50;

/// One value and where it comes from. An empty table only says that the table is there.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All layers laid so far.
pub(super) struct Stack {
    table: Table,
    origins: Origins,
    pub(super) problems: Vec<Problem>,
}

impl Stack {
    pub(super) fn new(defaults: Table) -> Self {
        Self {
            table: defaults,
            origins: Origins::new(),
            problems: Vec::new(),
        }
    }

    /// Lays a layer; later settings of the same path win.
    pub(super) fn lay<T: DeserializeOwned>(&mut self, settings: Vec<Setting>) {
        let before = self.table.clone();
        for Setting { path, value, origin } in settings {
            put(&mut self.table, &path, value);
            self.origins.insert(path, origin);
        }
        let mut found: Vec<Found> = Vec::new();
        while let Err(problem) = read::<T>(&self.table) {
            let path = problem.path.clone();
            if !found.iter().any(|earlier| problem.follows_from(earlier)) {
                found.push(problem);
            }
            // An error about the whole cannot be taken out, and the defaults themselves have none.
            if path.is_empty() || found.len() >= PROBLEMS_MAX {
                break;
            }
            restore(&mut self.table, &path, &before);
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|problem| (self.origin(&problem.path), problem))
            .collect();
        found.sort_by_key(|(origin, _)| origin.line());
        let problems = found
            .into_iter()
            .map(|(origin, found)| Problem::with_key(origin, &found.path, found.reason));
        self.problems.extend(problems);
    }

    /// Where the value at this path comes from: itself, else what it stands in, else what stands in it.
    pub(super) fn origin(&self, path: &[String]) -> Origin {
        let around = (1..=path.len())
            .rev()
            .find_map(|length| self.origins.get(&path[..length]));
        let inside = || {
            self.origins
                .iter()
                .find(|(key, _)| key.starts_with(path))
                .map(|(_, origin)| origin)
        };
        around.or_else(inside).cloned().unwrap_or(Origin::Default)
    }

    /// The finished value and the origins.
    pub(super) fn finish<T: DeserializeOwned>(self) -> Result<(T, Origins), Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        match read(&self.table) {
            Ok(value) => Ok((value, self.origins)),
            Err(found) => Err(vec![Problem::with_key(
                self.origin(&found.path),
                &found.path,
                found.reason,
            )]),
        }
    }
}

/// Something that cannot be read.
struct Found {
    path: Vec<String>,
    reason: String,
}

impl Found {
    /// Whether this says only that something is missing which was there and was refused.
    fn follows_from(&self, earlier: &Self) -> bool {
        earlier.path.split_last().is_some_and(|(name, parent)| {
            parent == self.path.as_slice() && self.reason == format!("missing field `{name}`")
        })
    }
}

/// Reads the whole, or says what cannot be read and why.
fn read<T: DeserializeOwned>(table: &Table) -> Result<T, Found> {
    serde_path_to_error::deserialize(table.clone()).map_err(|error| {
        let path = error.path().iter().map_while(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
        });
        let path: Vec<String> = path.collect();
        let reason = reason(error.inner().message(), get(table, &path));
        Found { path, reason }
    })
}

/// The reason in words for people. A value of the wrong type is named by its type alone: what stands where it does not
/// belong may be a secret.
fn reason(message: &str, value: Option<&Value>) -> String {
    match (
        message
            .strip_prefix("invalid type: ")
            .and_then(|rest| rest.rsplit_once(", expected ")),
        value,
    ) {
        (Some((_, expected)), Some(value)) => {
            let expected = match expected {
                "i64" | "u32" | "u64" => "a whole number",
                "f64" => "a number",
                structure if structure.starts_with("struct ") || structure == "a map" => "a table",
                other => other,
            };
            format!("expected {expected}, found {}", article(value.type_str()))
        }
        _ => message.lines().next().unwrap_or_default().to_owned(),
    }
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}
