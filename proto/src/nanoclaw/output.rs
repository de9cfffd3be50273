//! One output of the container: the JSON between two markers (CR-14).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::ids::SessionId;

/// An output. `success` with neither text nor error is either a silent result or the mark that a query has ended (AR-04,
/// AR-08): the format does not tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// How it went.
    pub status: Status,
    /// What the agent says.
    #[serde(default, deserialize_with = "text_of_any_value")]
    pub result: Option<String>,
    /// Session known so far.
    #[serde(default, rename = "newSessionId", skip_serializing_if = "Option::is_none")]
    pub new_session_id: Option<SessionId>,
    /// Reason of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The query goes on or has ended well.
    Success,
    /// The container gives up (AR-10).
    Error,
}

/// Why a frame is not an output.
#[derive(Debug, thiserror::Error)]
pub enum InvalidOutput {
    /// The frame grew beyond the limit.
    #[error("an output is larger than the limit of {max} bytes", max = super::frames::OUTPUT_BYTES_MAX)]
    TooLarge,
    /// A second frame began, or the stream ended, before the first was complete.
    #[error("an output was cut off")]
    CutOff,
    /// Not an output.
    #[error("an output is not JSON of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
}

impl Output {
    /// Reads the bytes between two markers.
    ///
    /// # Errors
    /// [`InvalidOutput::Shape`] for anything that is not an output.
    pub fn parse(contents: &[u8]) -> Result<Self, InvalidOutput> {
        Ok(serde_json::from_slice(contents)?)
    }
}

/// NanoClaw's host shows a result that is not a string as JSON; so nothing said is lost.
fn text_of_any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(serde_json::to_string(&other).map_err(D::Error::custom)?),
    })
}
