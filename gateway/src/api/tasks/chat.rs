//! Where a task's answers go when nobody says so.

use http::StatusCode;
use proto::group::Chat;
use proto::ids::{ChatId, GroupId};

use crate::channel::cli;
use crate::http::ApiError;

/// The group's one chat on a platform, else its local chat.
pub(super) fn of_group(chats: &[Chat], group: &GroupId) -> Result<ChatId, ApiError> {
    let of_group = || chats.iter().filter(|chat| chat.group.as_ref() == Some(group));
    let on_platforms: Vec<&Chat> = of_group().filter(|chat| chat.channel != cli::CHANNEL).collect();
    match on_platforms[..] {
        [one] => Ok(one.id.clone()),
        [] => of_group().next().map(|chat| chat.id.clone()).ok_or_else(|| {
            let message =
                format!("group {group} has no chat for the answers: register one with `clawhold group register`");
            ApiError::new(StatusCode::CONFLICT, "no_chat", message)
        }),
        [..] => {
            let names: Vec<_> = on_platforms.iter().map(|chat| chat.id.as_str()).collect();
            Err(ApiError::bad_request(format!(
                "group {group} has several chats: say which one gets the answers ({})",
                names.join(", ")
            )))
        }
    }
}
