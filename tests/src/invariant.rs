//! What must hold at the end of every story, read from the tables and from what people saw.

use std::collections::BTreeSet;

use crate::World;

/// Checks a settled world: every reply was shown once and in order, and no row is left between two states.
pub async fn check(world: &mut World, groups: &[&str]) {
    for group in groups {
        let shown = world.people(group).shown();
        let ids: BTreeSet<_> = shown.iter().map(|reply| &reply.id).collect();
        assert_eq!(ids.len(), shown.len(), "{group}: a reply was shown twice: {shown:?}");
        assert!(
            shown.is_sorted_by_key(|reply| reply.seq),
            "{group}: replies came out of order: {shown:?}"
        );
        assert!(
            world.people(group).is_settled().await,
            "{group}: something is still on its way"
        );
    }
    let status = world.api("GET", "/v1/status", None).await;
    let counts = &status["counts"];
    for stuck in ["outbox_pending", "outbox_uncertain", "waiting_groups"] {
        assert_eq!(counts[stuck], 0, "{stuck}: {status}");
    }
}
