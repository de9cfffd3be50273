//! Templates: texts that were approved beforehand, with places for values.

use serde_json::Value;

use super::error::GraphError;
use super::send::text;
use super::sent::Sent;
use super::state::State;

/// Longest body with its values.
const BODY_CHARS_MAX: usize = 1_024;

/// The message a template becomes with these values.
pub(super) fn fill(state: &State, part: &Value) -> Result<Sent, GraphError> {
    let name = text(part, "name").ok_or_else(|| GraphError::missing("template['name']"))?;
    let language = text(&part["language"], "code").ok_or_else(|| GraphError::missing("template['language']"))?;
    let key = (name.to_owned(), language.to_owned());
    let body = state
        .templates
        .get(&key)
        .ok_or_else(|| GraphError::no_template(name, language))?;
    let parameters = parameters(&part["components"]);
    let expected = body.matches("{{").count();
    if parameters.len() != expected {
        return Err(GraphError::template_parameters(expected, parameters.len()));
    }
    if parameters.iter().any(|value| !is_one_line(value)) {
        return Err(GraphError::template_characters());
    }
    let length: usize = parameters.iter().map(|value| value.chars().count()).sum();
    if body.chars().count() + length > BODY_CHARS_MAX {
        return Err(GraphError::template_too_long());
    }
    Ok(Sent::Template {
        name: name.to_owned(),
        parameters,
    })
}

fn parameters(components: &Value) -> Vec<String> {
    let components = components.as_array().map(Vec::as_slice).unwrap_or_default();
    let bodies = components.iter().filter(|component| component["type"] == "body");
    let values = bodies.filter_map(|body| body["parameters"].as_array()).flatten();
    values
        .filter_map(|value| text(value, "text"))
        .map(str::to_owned)
        .collect()
}

fn is_one_line(value: &str) -> bool {
    !value.is_empty() && !value.contains(['\n', '\r', '\t']) && !value.contains("     ")
}
