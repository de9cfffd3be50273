//! Tells an agent that something it said did not arrive: as context of its next turn. Told before the row is closed, under
//! a key of the row's own, so that a crash between the two loses nothing and repeats nothing.

use bus::{Accepted, Ingress, IngressError};
use proto::inbound::{Details, Envelope};
use proto::outbound::{AfterSend, Delivery};
use proto::time::Timestamp;

/// Characters of the message that are quoted: enough to know which one it was.
const QUOTED_CHARS: usize = 80;

/// Tells it, if there is something to tell.
///
/// # Errors
/// When it cannot be told now.
pub(crate) async fn tell(
    ingress: &dyn Ingress,
    delivery: &Delivery,
    after: &AfterSend,
    now: Timestamp,
) -> Result<(), IngressError> {
    // Notices of the system are nobody's words.
    let Some(text) = delivery.turn.and_then(|_| said(delivery, after)) else {
        return Ok(());
    };
    let envelope = Envelope {
        dedup_key: format!("undelivered:{}", delivery.id),
        group: delivery.group.clone(),
        chat: delivery.chat.clone(),
        sender: "clawhold".to_owned(),
        sender_name: "clawhold".to_owned(),
        text,
        sent_at: now,
        engages: false,
        trace: None,
        task: None,
        details: Details::default(),
    };
    match ingress.accept(envelope).await {
        Ok(Accepted { .. }) | Err(IngressError::NoSuchGroup(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn said(delivery: &Delivery, after: &AfterSend) -> Option<String> {
    let (what, reason) = match after {
        AfterSend::Dead { reason } => ("was not delivered", reason),
        AfterSend::Uncertain { reason } => ("may not have been delivered", reason),
        AfterSend::Sent { .. } | AfterSend::Part { .. } | AfterSend::Retry { .. } => return None,
    };
    let quoted: String = delivery.text.chars().take(QUOTED_CHARS).collect();
    let more = if quoted.len() < delivery.text.len() { "…" } else { "" };
    Some(format!("[Your message \"{quoted}{more}\" {what}: {reason}]"))
}
