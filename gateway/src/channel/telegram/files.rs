//! Files that people sent: found by id, downloaded by path.

use bytes::Bytes;
use serde_json::json;

use super::TelegramChannel;
use super::api::CallError;
use super::wire::FilePath;
use crate::channel::FetchError;
use crate::rest::Exchange;

/// Largest file a bot may fetch.
const FETCH_BYTES_MAX: u64 = 20 * 1024 * 1024;

impl TelegramChannel {
    pub(super) async fn fetch(&self, id: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
        let bytes_max = bytes_max.min(FETCH_BYTES_MAX);
        let found: FilePath = match self.api.call("getFile", &json!({ "file_id": id })).await {
            Ok(found) => found,
            Err(CallError::Refused(refusal)) if refusal.says.contains("file is too big") => {
                return Err(FetchError::TooLarge { bytes_max });
            }
            Err(CallError::Refused(refusal)) if refusal.code == 400 => {
                return Err(FetchError::Gone(refusal.to_string()));
            }
            Err(CallError::Refused(refusal)) => return Err(FetchError::Unavailable(refusal.to_string())),
            Err(CallError::NotSent(reason) | CallError::Lost(reason)) => return Err(FetchError::Unavailable(reason)),
        };
        if found.file_size.is_some_and(|bytes| bytes > bytes_max) {
            return Err(FetchError::TooLarge { bytes_max });
        }
        let Some(path) = found.file_path else {
            return Err(FetchError::Gone("Telegram does not say where the file is".to_owned()));
        };
        let longest = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        match self.api.download(&path, longest).await {
            Exchange::Answered(answered) if answered.status.is_success() => Ok(answered.body),
            Exchange::Answered(answered) => {
                let status = answered.status.as_u16();
                Err(FetchError::Unavailable(format!(
                    "Telegram answered {status} to the download"
                )))
            }
            Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(FetchError::Unavailable(reason)),
        }
    }
}
