//! Files by their signed, perishable links, as the content network serves them: to everybody, without a token.

use http::StatusCode;

use super::{Answered, snowflake};
use crate::discord::error::ApiError;
use crate::discord::state::State;
use crate::platform::{Answer, Call};

pub(super) fn answer(state: &State, path: &str, call: &Call) -> Answered {
    let expires = call.query.get("ex").and_then(|ex| u64::from_str_radix(ex, 16).ok());
    let is_good = expires.is_some_and(|expires| expires * 1_000 > state.now_ms);
    let mut parts = path.split('/');
    let (Some(channel), Some(id), true) = (parts.next(), parts.next(), is_good) else {
        return Err(ApiError::NOT_FOUND);
    };
    let file = state.files.get(&snowflake(id)?).ok_or(ApiError::NOT_FOUND)?;
    if file.channel != snowflake(channel)? {
        return Err(ApiError::NOT_FOUND);
    }
    let answer = Answer::new(StatusCode::OK, "application/octet-stream", file.content.clone());
    Ok(answer.header("content-type", &file.media_type))
}
