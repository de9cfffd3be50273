//! The way in: an event becomes a decision, and a message of the log.

use std::rc::Rc;
use std::time::Duration;

use proto::inbound::{Envelope, Intake, decide_intake};
use proto::sender_allowlist::SenderAllowlist;

use super::Gateway;
use crate::fences::Fence;
use crate::platform::Post;

/// How long a webhook waits for its answer at most.
const INTAKE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Takes a webhook's event; says what the platform is told.
pub(super) async fn take_in_time(gateway: &Rc<Gateway>, post: &Post) -> bool {
    if *gateway.stopping.borrow() {
        return false;
    }
    if !gateway.world.stands(Fence::AckAfterDurable) {
        let (later, post) = (Rc::clone(gateway), post.clone());
        gateway.me.spawn(async move {
            take(&later, &post).await;
        });
        return true;
    }
    tokio::select! {
        biased;
        taken = take(gateway, post) => taken,
        () = gateway.me.sleep(INTAKE_TIMEOUT) => false,
    }
}

/// Takes one event; returns once the log has it, or it cannot be taken now.
async fn take(gateway: &Gateway, post: &Post) -> bool {
    match decide(gateway, post).await {
        Some(envelope) => gateway.ingress.accept(envelope).await,
        None => false,
    }
}

/// Decides about an event; none while the rows cannot be read.
pub(super) async fn decide(gateway: &Gateway, post: &Post) -> Option<Envelope> {
    let chat = gateway.rows.chat(&post.chat).await.ok()??;
    let group = gateway.rows.group(&post.group).await.ok()?;
    match decide_intake(
        post.event(),
        &chat,
        group.as_ref(),
        &SenderAllowlist::allow_everybody(),
        "Andy",
    ) {
        Ok(Intake::Accept(envelope)) => Some(*envelope),
        Ok(Intake::Unregistered | Intake::Dropped | Intake::Own) | Err(_) => None,
    }
}
