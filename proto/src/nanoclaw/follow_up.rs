//! Prompts after the first: files in `input/` (AR-06).

use serde_json::json;

/// Name of the file of the nth follow-up, counted from 1; the container reads them sorted by name.
pub fn follow_up_file_name(n: u64) -> String {
    format!("{n:020}.json")
}

/// Encodes a follow-up as the contents of its file.
pub fn encode_follow_up(text: &str) -> Vec<u8> {
    json!({ "type": "message", "text": text }).to_string().into_bytes()
}
