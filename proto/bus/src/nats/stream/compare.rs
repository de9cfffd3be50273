//! What a stream is like against what it must be like.
//!
//! Compared as JSON, so that no setting is forgotten, also not one that was never asked for (a mirror, a republish, a
//! sealed stream).

use std::time::Duration;

use async_nats::jetstream::stream::Config as Settings;
use serde_json::{Map, Value};

use crate::nats::problem::Difference;

/// Settings an operator may choose freely: they change neither what is kept nor in which order.
const FREE: [&str; 6] = [
    "description",
    "metadata",
    "placement",
    "compression",
    "consumer_limits",
    "allow_atomic",
];
/// Settings that can be changed under way, and that the configuration speaks of.
const ADJUSTABLE: [&str; 2] = ["num_replicas", "max_bytes"];
/// Settings in nanoseconds.
const DURATIONS: [&str; 2] = ["max_age", "duplicate_window"];

/// Settings that differ, in the order of their names.
pub(super) fn differences(is: &Settings, must_be: &Settings) -> Vec<Difference> {
    let (is, must_be) = (object(is), object(must_be));
    let mut names: Vec<_> = is.keys().chain(must_be.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differs = |name: &&String| !FREE.contains(&name.as_str()) && value(&is, name) != value(&must_be, name);
    names
        .into_iter()
        .filter(differs)
        .map(|name| Difference {
            setting: name.clone(),
            is: shown(name, &value(&is, name)),
            must_be: shown(name, &value(&must_be, name)),
        })
        .collect()
}

/// Whether the stream can be made right by an update.
pub(super) fn adjustable(differences: &[Difference]) -> bool {
    differences
        .iter()
        .all(|difference| ADJUSTABLE.contains(&difference.setting.as_str()))
}

fn object(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Absent, empty, zero and -1 all mean "not set", and servers answer now with one, now with the other.
fn value(object: &Map<String, Value>, name: &str) -> Value {
    let unset = |value: &&Value| match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64().is_some_and(|number| number == 0 || number == -1),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    object
        .get(name)
        .filter(|value| !unset(value))
        .cloned()
        .unwrap_or(Value::Null)
}

fn shown(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::Number(nanos) if DURATIONS.contains(&name) => match nanos.as_u64() {
            Some(nanos) => format!("{:?}", Duration::from_nanos(nanos)),
            None => nanos.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats::config::Config;
    use crate::nats::stream::settings::settings;
    use crate::nats::subjects::Subjects;

    fn asked() -> Settings {
        settings(&Config::new("nats://127.0.0.1"), &Subjects::new("clawhold"))
    }

    fn texts(is: &Settings) -> Vec<String> {
        differences(is, &asked()).iter().map(Difference::to_string).collect()
    }

    #[test]
    fn other_words_for_unset_are_no_difference() {
        let mut is = asked();
        is.max_messages = 0;
        is.max_bytes = 0;
        is.description = None;
        is.metadata.insert("_nats.level".into(), "1".into());
        assert_eq!(texts(&is), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_named_with_both_values() {
        let mut is = asked();
        is.max_age = Duration::from_secs(60);
        is.discard_new_per_subject = false;
        is.sealed = true;
        is.subjects = vec!["clawhold.>".into()];
        assert_eq!(
            texts(&is),
            [
                "discard_new_per_subject is not set and must be true",
                "max_age is 60s and must be 604800s",
                "sealed is true and must be not set",
                r#"subjects is ["clawhold.>"] and must be ["clawhold.in.*.*"]"#,
            ]
        );
    }

    #[test]
    fn only_size_and_copies_are_adjusted_by_us() {
        let mut is = asked();
        is.max_bytes = 5;
        is.num_replicas = 3;
        assert!(adjustable(&differences(&is, &asked())));
        is.duplicate_window = Duration::ZERO;
        assert!(!adjustable(&differences(&is, &asked())));
    }
}
