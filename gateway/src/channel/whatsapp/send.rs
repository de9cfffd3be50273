//! One part leaves: as a text, a file, a reaction, or the value of a template.

use proto::outbound::{Attachment, Delivery, Extra, Part, ReceiptState, SendOutcome};
use serde::Deserialize;
use serde_json::Value;

use super::graph_error::{self, GraphError, RE_ENGAGEMENT};
use super::message::{self, AttemptId, Shown};
use super::recent::Said;
use super::{WhatsAppChannel, format, number_of, window};
use crate::files::FileError;
use crate::rest::{Answered, Exchange};

/// How people are told what was refused for want of a template.
const NO_TEMPLATE: &str = "more than 24 hours have passed since the person last wrote, and WhatsApp then takes only \
                           approved templates: configure one (channels.whatsapp.template), or wait for a message";
/// What a template cannot carry.
const ONLY_TEXT: &str = "more than 24 hours have passed since the person last wrote, and WhatsApp then takes only text";

#[derive(Deserialize)]
struct Accepted {
    messages: Vec<AcceptedMessage>,
}

#[derive(Deserialize)]
struct AcceptedMessage {
    id: String,
}

pub(super) async fn send(channel: &WhatsAppChannel, delivery: &Delivery, part: &Part) -> SendOutcome {
    let Some(to) = number_of(&delivery.chat) else {
        return rejected("WhatsApp's Cloud API knows no group chats: only persons can be written to");
    };
    if !window_is_open(channel, delivery).await {
        return send_template(channel, to, delivery, part).await;
    }
    let content = match first_extra(delivery, part) {
        Some(Extra::Reaction { message, emoji }) => message::reaction(message, emoji),
        Some(Extra::File(file)) => match upload(channel, file, part).await {
            Ok(content) => content,
            Err(outcome) => return outcome,
        },
        None => message::text(&format::to_whatsapp(&part.text)),
    };
    match leave(channel, to, delivery, content).await {
        // Its clock and ours differ: nothing was sent yet.
        Left::TooLate => send_template(channel, to, delivery, part).await,
        Left::As(outcome) => {
            if let SendOutcome::Sent { platform_id: Some(id) } = &outcome {
                channel.said.put(id, Said::new("you", &part.text));
            }
            outcome
        }
    }
}

/// What goes out with the first part only.
fn first_extra<'d>(delivery: &'d Delivery, part: &Part) -> Option<&'d Extra> {
    delivery.extra.as_ref().filter(|_| part.from == 0)
}

/// Whether free text may be sent. Whoever was never heard of is not known here; the platform knows.
async fn window_is_open(channel: &WhatsAppChannel, delivery: &Delivery) -> bool {
    // The platform has said so about an earlier attempt.
    let receipt = match delivery.attempts {
        0 | 1 => None,
        _ => channel.store.receipt(delivery.id).await.ok().flatten(),
    };
    let refused = receipt.is_some_and(|receipt| {
        receipt.state == ReceiptState::Failed && receipt.reason.is_some_and(|reason| is_re_engagement(&reason))
    });
    let chat = channel.store.chat(&delivery.chat).await.ok().flatten();
    let open = chat.is_none_or(|chat| window::is_open(chat.last_seen_at, channel.clock.now()));
    open && !refused
}

pub(super) fn is_re_engagement(reason: &str) -> bool {
    reason.contains(&RE_ENGAGEMENT.to_string())
}

async fn send_template(channel: &WhatsAppChannel, to: &str, delivery: &Delivery, part: &Part) -> SendOutcome {
    if delivery.extra.is_some() {
        return rejected(ONLY_TEXT);
    }
    let Some(template) = channel.window.template() else {
        return rejected(NO_TEMPLATE);
    };
    if !channel.window.close_for(delivery)
        && part.text.encode_utf16().count() > channel.window.limits(delivery).text_max
    {
        return SendOutcome::NotSent {
            reason: "it goes as a template, in shorter parts".to_owned(),
            retry_after: Some(std::time::Duration::ZERO),
        };
    }
    let value = window::one_line(&format::to_whatsapp(&part.text));
    match leave(channel, to, delivery, message::template(template, &value)).await {
        Left::TooLate => rejected(NO_TEMPLATE),
        Left::As(outcome) => outcome,
    }
}

enum Left {
    As(SendOutcome),
    /// Refused at once, since the 24 hours are over.
    TooLate,
}

async fn leave(channel: &WhatsAppChannel, to: &str, delivery: &Delivery, content: Value) -> Left {
    let id = AttemptId {
        delivery: delivery.id,
        attempt: delivery.attempts,
    };
    let exchange = channel.api.send(&message::message(to, id, content)).await;
    if let Exchange::Answered(answered) = &exchange
        && GraphError::of(answered).is_some_and(|error| error.code == RE_ENGAGEMENT)
    {
        return Left::TooLate;
    }
    Left::As(graph_error::outcome(exchange, delivery.failures).unwrap_or_else(|answered| accepted(&answered)))
}

fn accepted(answered: &Answered) -> SendOutcome {
    match answered.json::<Accepted>() {
        Ok(accepted) => SendOutcome::Sent {
            platform_id: accepted.messages.into_iter().next().map(|message| message.id),
        },
        Err(reason) => SendOutcome::Uncertain { reason },
    }
}

/// Uploads a file and makes the message that shows it.
async fn upload(channel: &WhatsAppChannel, file: &Attachment, part: &Part) -> Result<Value, SendOutcome> {
    let contents = channel.files.read(file).await.map_err(|error| match error {
        FileError::Unavailable(_) => SendOutcome::NotSent {
            reason: error.to_string(),
            retry_after: None,
        },
        FileError::Gone { .. } => rejected(&error.to_string()),
    })?;
    let media_type = message::upload_type(&file.media_type);
    let uploaded = channel.api.upload(&file.name, media_type, contents).await;
    let media_id = uploaded.map_err(not_uploaded)?;
    let caption = format::to_whatsapp(&part.text);
    let shown = Shown::of(&file.media_type, !caption.is_empty());
    Ok(message::file(shown, &media_id, &file.name, &caption))
}

/// Whatever happened to an upload, no message was sent.
fn not_uploaded(exchange: Exchange) -> SendOutcome {
    let unread = |_| SendOutcome::Uncertain {
        reason: "the answer to an upload is not understood".to_owned(),
    };
    match graph_error::outcome(exchange, 0).unwrap_or_else(unread) {
        SendOutcome::Uncertain { reason } => SendOutcome::NotSent {
            reason: format!("the file could not be uploaded: {reason}"),
            retry_after: None,
        },
        SendOutcome::Rejected { reason } => rejected(&format!("the file was refused: {reason}")),
        other => other,
    }
}

fn rejected(reason: &str) -> SendOutcome {
    SendOutcome::Rejected {
        reason: reason.to_owned(),
    }
}
