//! Sending an answer into its thread, and finding out whether it arrived.
//!
//! A mail carries a `Message-ID` of ours, so the mailbox itself knows whether it was sent. Its search lags by seconds, and the
//! thread does not: both must have said no, for longer than the lag, before it is believed that a mail did not arrive.

use std::time::Duration;

use bytes::Bytes;
use proto::ids::ChatId;
use proto::outbound::{Attachment, Delivery, Extra, Part, Reconciled, SendOutcome};

use super::google::{ApiError, send_outcome};
use super::model::MessageRef;
use super::{CHANNEL, Gmail, compose};
use crate::files::FileError;

/// Largest file of a mail: Gmail takes 25 MB in all, and a third is added on the way.
const FILE_BYTES_MAX: u64 = 18 * 1024 * 1024;
/// Wait before it is asked again whether a mail arrived.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The thread that a chat is.
pub(super) fn thread_of(chat: &ChatId) -> Option<&str> {
    let thread = chat.as_str().strip_prefix(CHANNEL)?.strip_prefix(':')?;
    // Part of a path: Gmail's ids are hexadecimal.
    (!thread.is_empty() && thread.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(thread)
}

fn rejected(reason: impl Into<String>) -> SendOutcome {
    SendOutcome::Rejected { reason: reason.into() }
}

fn not_sent(error: ApiError) -> SendOutcome {
    match error {
        ApiError::Refused(reason) => SendOutcome::AccountDown {
            reason,
            retry_after: None,
        },
        ApiError::NotFound => rejected("the thread is gone"),
        ApiError::Failed(reason) => SendOutcome::NotSent {
            reason,
            retry_after: None,
        },
    }
}

impl Gmail {
    pub(super) async fn send_part(&self, delivery: &Delivery, part: &Part) -> SendOutcome {
        let Some(thread) = thread_of(&delivery.chat) else {
            return rejected(format!("{} is no thread of Gmail", delivery.chat));
        };
        let file = match delivery.extra.as_ref().filter(|_| part.from == 0) {
            None => None,
            Some(Extra::Reaction { .. }) => return rejected("a mail takes no reactions"),
            Some(Extra::File(file)) if file.bytes > FILE_BYTES_MAX => {
                return rejected(format!(
                    "the file is larger than the {FILE_BYTES_MAX} bytes that fit into a mail"
                ));
            }
            Some(Extra::File(file)) => match self.files.read(file).await {
                Ok(bytes) => Some((file, bytes)),
                Err(error @ FileError::Gone { .. }) => return rejected(error.to_string()),
                Err(error @ FileError::Unavailable(_)) => {
                    return SendOutcome::NotSent {
                        reason: error.to_string(),
                        retry_after: None,
                    };
                }
            },
        };
        match self.composed(thread, delivery, part, file).await {
            Ok(raw) => self.send_raw(thread, delivery, part, &raw).await,
            Err(outcome) => outcome,
        }
    }

    async fn composed(
        &self,
        thread: &str,
        delivery: &Delivery,
        part: &Part,
        file: Option<(&Attachment, Bytes)>,
    ) -> Result<Vec<u8>, SendOutcome> {
        let address = self.address().await.map_err(not_sent)?;
        let known = self.api.thread(thread).await.map_err(not_sent)?;
        let answered = compose::answered(&known, &address);
        let answered = answered.ok_or_else(|| rejected("nobody can be answered in this thread"))?;
        let message_id = compose::message_id(delivery, part, &address);
        let seconds = self.clock.now().as_millis() / 1_000;
        let mail = compose::mail(&answered, &address, &message_id, &part.text, file, seconds);
        mail.map_err(|error| rejected(format!("the mail cannot be written: {error}")))
    }

    async fn send_raw(&self, thread: &str, delivery: &Delivery, part: &Part, raw: &[u8]) -> SendOutcome {
        let outcome = match send_outcome(self.api.send(thread, raw).await, self.clock.now()) {
            Ok(outcome) => outcome,
            Err(answered) => match answered.json::<MessageRef>() {
                Ok(sent) => SendOutcome::Sent {
                    platform_id: Some(sent.id),
                },
                Err(reason) => SendOutcome::Uncertain { reason },
            },
        };
        if !matches!(outcome, SendOutcome::Uncertain { .. }) {
            self.doubts.end(delivery, part);
        }
        outcome
    }

    pub(super) async fn reconcile_part(&self, delivery: &Delivery, part: &Part) -> Reconciled {
        let Some(thread) = thread_of(&delivery.chat) else {
            return Reconciled::NotArrived;
        };
        let began = self.doubts.begin(delivery, part, self.clock.monotonic());
        let found = match self.find(thread, delivery, part).await {
            Ok(found) => found,
            Err(ApiError::Failed(_) | ApiError::NotFound) => return Reconciled::AskLater(ASK_AGAIN),
            // Nobody can look: the account's breaker waits, and the row is asked about again.
            Err(ApiError::Refused(_)) => return Reconciled::AskLater(ASK_AGAIN * 5),
        };
        if let Some(id) = found {
            self.doubts.end(delivery, part);
            return Reconciled::Arrived { platform_id: Some(id) };
        }
        let waited = self.clock.monotonic().since(began);
        if waited < self.settings.search_lag() {
            let left = self.settings.search_lag() - waited;
            return Reconciled::AskLater(left.min(ASK_AGAIN));
        }
        self.doubts.end(delivery, part);
        Reconciled::NotArrived
    }

    /// The mail with a part's `Message-ID`, by the search and by its thread.
    async fn find(&self, thread: &str, delivery: &Delivery, part: &Part) -> Result<Option<String>, ApiError> {
        let address = self.address().await?;
        let message_id = compose::message_id(delivery, part, &address);
        let found = self
            .api
            .search(&format!("rfc822msgid:{message_id} in:anywhere"), None)
            .await?;
        if let Some(mail) = found.messages.into_iter().next() {
            return Ok(Some(mail.id));
        }
        let known = match self.api.thread(thread).await {
            Ok(thread) => thread,
            Err(ApiError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let has_id = |value: &str| value.trim().trim_matches(['<', '>']) == message_id;
        let ours = known.messages.into_iter().find(|mail| {
            let mut headers = mail.payload.headers.iter();
            headers.any(|header| header.name.eq_ignore_ascii_case("message-id") && has_id(&header.value))
        });
        Ok(ours.map(|mail| mail.id))
    }
}
