//! The hook for voice notes: an HTTP endpoint of the operator's choice that makes words of them.
//!
//! `POST` with the recording as body and its media type; the answer is `{"text": "…"}`. What comes of it is a line of the
//! message. A hook that fails costs the words, never the message.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use reqwest::Method;
use serde::Deserialize;

use crate::rest::{Exchange, Rest};

/// Longest transcript that goes into a message, in characters: half an hour of talk.
const TRANSCRIPT_CHARS_MAX: usize = 30_000;

/// The hook.
pub struct Transcriber {
    rest: Rest,
    url: String,
}

#[derive(Deserialize)]
struct Transcript {
    text: String,
}

impl Transcriber {
    /// At this address.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            rest: Rest::new(url, [])?,
            url: url.to_owned(),
        })
    }

    /// The line that says what was said, or why that is not known.
    pub(super) async fn line(&self, media_type: &str, recording: Bytes, within: Duration) -> String {
        let request = self.rest.request(Method::POST, &self.url).timeout(within);
        let request = request.header(CONTENT_TYPE, media_type).body(recording);
        let said = match self.rest.call(request).await {
            Exchange::Answered(answered) if answered.status.is_success() => answered.json::<Transcript>(),
            Exchange::Answered(answered) => Err(format!("the hook answered {}", answered.status.as_u16())),
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(reason),
        };
        match said {
            Ok(transcript) => {
                let text: String = transcript.text.trim().chars().take(TRANSCRIPT_CHARS_MAX).collect();
                format!("[Transcript: {text}]")
            }
            Err(reason) => {
                tracing::warn!(reason, "a voice note was not transcribed");
                "[Transcript: none, the transcription failed]".to_owned()
            }
        }
    }
}
