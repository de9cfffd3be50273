//! Files that came with messages, fetched from Discord's content network.

use bytes::Bytes;
use http::StatusCode;
use reqwest::Url;

use super::api::{Api, CallError};
use super::model::{Message, Snowflake};
use crate::channel::FetchError;
use crate::rest::Exchange;

/// Hosts that Discord serves files from.
const HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

/// Fetches the file `<channel>/<message>/<attachment>`: the message is read again, because links to files perish.
pub(super) async fn fetch(api: &Api, reference: &str, bytes_max: u64) -> Result<Bytes, FetchError> {
    let (channel, message, id) = parse(reference).ok_or_else(|| FetchError::Gone("no such file".to_owned()))?;
    let route = format!("GET channels/{channel}/messages/:id");
    let path = format!("channels/{channel}/messages/{message}");
    let message: Message = api.get(&route, &path).await.map_err(|error| match error {
        CallError::NoAccess(reason) => FetchError::Gone(reason),
        CallError::Refused(reason) | CallError::Failed(reason) => FetchError::Unavailable(reason),
    })?;
    let file = message.attachments.into_iter().find(|file| file.id == id);
    let file = file.ok_or_else(|| FetchError::Gone("the file was taken off its message".to_owned()))?;
    if file.size.is_some_and(|size| size > bytes_max) {
        return Err(FetchError::TooLarge { bytes_max });
    }
    if !is_discords(api, &file.url) {
        return Err(FetchError::Gone("the file does not lie with Discord".to_owned()));
    }
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match api.fetch(api.open(&file.url), limit).await {
        Exchange::Answered(answered) if answered.status.is_success() => Ok(answered.body),
        Exchange::Answered(answered) => {
            let reason = format!("the content network answered {}", answered.status.as_u16());
            match answered.status {
                StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Err(FetchError::Gone(reason)),
                _ => Err(FetchError::Unavailable(reason)),
            }
        }
        Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(FetchError::Unavailable(reason)),
    }
}

fn parse(reference: &str) -> Option<(Snowflake, Snowflake, Snowflake)> {
    let mut ids = reference.split('/').map(str::parse);
    let (channel, message, file) = (ids.next()?.ok()?, ids.next()?.ok()?, ids.next()?.ok()?);
    ids.next().is_none().then_some((channel, message, file))
}

/// Nothing makes us fetch from anywhere else, not even Discord.
fn is_discords(api: &Api, url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    match api.is_official() {
        true => url.scheme() == "https" && HOSTS.contains(&host),
        false => host == api.host(),
    }
}
