//! One configured hook: its name, its secret, and how its chats are named.

use proto::ids::{ChatId, GroupId};
use service::config::Secret;

use super::CHANNEL;
use crate::config::Webhook;

/// Longest name of a hook: it is part of paths and ids.
const NAME_BYTES_MAX: usize = 64;
/// Shortest secret in bytes: 16 random ones cannot be guessed.
const SECRET_BYTES_MIN: usize = 16;

/// A hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name: the account.
    pub name: String,
    /// Where replies go; none: they are polled.
    pub callback_url: Option<String>,
    /// Group that its chats join.
    pub group: Option<GroupId>,
    secret: Secret,
}

/// A hook that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHook {
    /// Its name would not fit into a path.
    #[error("channels.webhook.{0:?}: use 1 to {NAME_BYTES_MAX} letters, digits, '-' or '_' as name")]
    Name(String),
    /// Its secret can be guessed.
    #[error(
        "channels.webhook.{0}.secret is shorter than {SECRET_BYTES_MIN} bytes: use a random one, for example from `openssl rand -hex 32`"
    )]
    WeakSecret(String),
}

impl Hook {
    /// Checks a configured hook.
    ///
    /// # Errors
    /// [`InvalidHook`].
    pub fn new(name: &str, config: &Webhook) -> Result<Self, InvalidHook> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fits) {
            return Err(InvalidHook::Name(name.to_owned()));
        }
        if config.secret.expose().len() < SECRET_BYTES_MIN {
            return Err(InvalidHook::WeakSecret(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            callback_url: config.callback_url.clone(),
            group: config.group.clone(),
            secret: config.secret.clone(),
        })
    }

    /// The chat that the hook's platform calls `chat`.
    pub fn chat_id(&self, chat: &str) -> ChatId {
        ChatId::new(format!("{CHANNEL}:{}:{chat}", self.name))
    }

    /// What the hook's platform calls this chat.
    pub fn platform_chat<'c>(&self, chat: &'c ChatId) -> &'c str {
        // The names of hooks contain no colon, so the third part is the whole rest.
        chat.as_str().splitn(3, ':').nth(2).unwrap_or_default()
    }

    pub(super) fn secret(&self) -> &[u8] {
        self.secret.expose().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(secret: &str) -> Webhook {
        Webhook {
            secret: Secret::new(secret),
            callback_url: None,
            group: None,
        }
    }

    #[test]
    fn chats_keep_their_platform_name_whatever_is_in_it() {
        let hook = Hook::new("shop", &config("0123456789abcdef")).unwrap();
        for name in ["1", "a:b", "räume/1"] {
            assert_eq!(hook.platform_chat(&hook.chat_id(name)), name);
        }
    }

    #[test]
    fn a_name_that_would_be_ambiguous_and_a_weak_secret_are_refused() {
        for name in ["", "a:b", "a/b", "ä", &"x".repeat(65)] {
            assert!(
                matches!(Hook::new(name, &config("0123456789abcdef")), Err(InvalidHook::Name(_))),
                "{name:?}"
            );
        }
        assert!(matches!(
            Hook::new("shop", &config("short")),
            Err(InvalidHook::WeakSecret(_))
        ));
    }
}
