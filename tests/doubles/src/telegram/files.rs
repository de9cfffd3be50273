//! Files that people sent: looked up by id, downloaded by path.

use http::StatusCode;
use serde_json::{Value, json};

use super::TelegramDouble;
use super::error::ApiError;
use super::params::Params;
use crate::platform::Answer;

/// Largest file a bot may download.
const DOWNLOAD_BYTES_MAX: u64 = 20 * 1024 * 1024;

impl TelegramDouble {
    pub(super) fn get_file(&self, params: &Params) -> Result<Value, ApiError> {
        let id = params.text("file_id").unwrap_or_default();
        let state = self.state();
        let file = state.files.get(id);
        let file = file.ok_or_else(|| ApiError::bad_request("wrong file_id or the file is temporarily unavailable"))?;
        if file.size > DOWNLOAD_BYTES_MAX {
            return Err(ApiError::bad_request("file is too big"));
        }
        Ok(json!({ "file_id": id, "file_unique_id": id, "file_size": file.size, "file_path": file.path }))
    }

    /// `<token>/<path>`.
    pub(super) fn download(&self, path: &str) -> Result<Answer, ApiError> {
        let (token, path) = path.split_once('/').ok_or_else(ApiError::not_found)?;
        let mut state = self.state();
        state.bot(token)?;
        let file = state.files.values().find(|file| file.path == path);
        let file = file.ok_or_else(ApiError::not_found)?;
        Ok(Answer::new(
            StatusCode::OK,
            "application/octet-stream",
            file.content.clone(),
        ))
    }
}
