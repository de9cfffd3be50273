//! Parameters of a call: from its query, a form, a multipart body or JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::ApiError;
use crate::platform::{Call, FormPart, parse_form, parse_multipart};

/// The parameters of one call, and the files that came with it.
pub(super) struct Params {
    values: BTreeMap<String, Value>,
    files: BTreeMap<String, FormPart>,
}

impl Params {
    pub(super) async fn of(call: &Call) -> Result<Self, ApiError> {
        let text = |(name, value): (String, String)| (name, Value::String(value));
        let mut values: BTreeMap<String, Value> = call.query.clone().into_iter().map(text).collect();
        let mut files = BTreeMap::new();
        match call.media_type() {
            "application/json" => {
                let body: BTreeMap<String, Value> =
                    serde_json::from_slice(&call.body).map_err(|_| ApiError::bad_request("can't parse JSON object"))?;
                values.extend(body);
            }
            "multipart/form-data" => {
                let parts = parse_multipart(call).await;
                for part in parts.ok_or_else(|| ApiError::bad_request("can't parse multipart form data"))? {
                    if part.file_name.is_some() {
                        files.insert(part.name.clone(), part);
                    } else {
                        let value = String::from_utf8_lossy(&part.content).into_owned();
                        values.insert(part.name, Value::String(value));
                    }
                }
            }
            "application/x-www-form-urlencoded" => {
                let form = parse_form(&String::from_utf8_lossy(&call.body));
                values.extend(form.into_iter().map(text));
            }
            _ => {}
        }
        Ok(Self { values, files })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }

    /// A number, also as text in a form.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let value = self.values.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// An object or array, also as JSON text in a form.
    pub(super) fn object(&self, name: &str) -> Option<Value> {
        let value = self.values.get(name)?;
        match value.as_str() {
            Some(text) => serde_json::from_str(text).ok(),
            None => Some(value.clone()),
        }
    }

    pub(super) fn file(&self, name: &str) -> Option<&FormPart> {
        self.files.get(name)
    }

    pub(super) fn chat(&self) -> Result<i64, ApiError> {
        if !self.values.contains_key("chat_id") {
            return Err(ApiError::bad_request("chat_id is empty"));
        }
        self.number("chat_id")
            .ok_or_else(|| ApiError::bad_request("chat not found"))
    }
}
