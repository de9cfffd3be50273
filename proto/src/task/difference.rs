//! What differs between a task as it is and as it is meant to be, field by field, in words for people.

use serde::{Deserialize, Serialize};

use super::listed::cut;
use super::{TaskPolicy, TaskSpec};
use crate::schedule::span_words;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// The field, by the name it has in files.
    pub field: String,
    /// How it is.
    pub from: String,
    /// How it is meant to be.
    pub to: String,
}

impl FieldDifference {
    /// The difference in a field, if there is one.
    pub fn of(field: &str, from: impl Into<String>, to: impl Into<String>) -> Option<Self> {
        let (from, to) = (from.into(), to.into());
        (from != to).then(|| Self {
            field: field.to_owned(),
            from,
            to,
        })
    }
}

/// What differs between two specs of a task, in the order of the fields in files.
pub fn differences(from: &TaskSpec, to: &TaskSpec) -> Vec<FieldDifference> {
    let rows: Vec<_> = words(from).into_iter().zip(words(to)).collect();
    rows.into_iter()
        .filter_map(|((field, from), (_, to))| {
            let difference = FieldDifference::of(field, from, to)?;
            // Compared in full, shown in part.
            Some(FieldDifference {
                from: cut(&difference.from),
                to: cut(&difference.to),
                ..difference
            })
        })
        .collect()
}

fn words(spec: &TaskSpec) -> [(&'static str, String); 10] {
    let policy: &TaskPolicy = &spec.policy;
    let lateness = |millis| span_words(i64::try_from(millis).unwrap_or(i64::MAX));
    [
        ("chat", spec.chat.to_string()),
        ("schedule", spec.schedule.to_string()),
        ("timezone", spec.zone.name().to_owned()),
        ("prompt", spec.prompt.clone()),
        ("context", spec.context_mode.as_str().to_owned()),
        ("check", spec.check_script.clone().unwrap_or_default()),
        ("misfire", policy.misfire.as_str().to_owned()),
        (
            "max_lateness",
            policy.max_lateness_ms.map_or("no limit".to_owned(), lateness),
        ),
        ("overlap", policy.overlap.as_str().to_owned()),
        ("pause_after", policy.pause_after.to_string()),
    ]
}
