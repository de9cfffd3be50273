//! Every fence that the in-memory engine can leave out is missed by the conformance suite: the switches do what they say.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use store::conformance::{World, claims, effects, inbox, indexing, leases, outbox, runners, snapshots, tasks, turns};
use store::memory::{MemoryStore, Switch};
use tokio::task::JoinSet;

/// Runs a case without a fence; whether its promise was broken.
async fn breaks<C, F>(fence: Switch, case: C) -> bool
where
    C: FnOnce(World) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let world = World::new(Arc::new(MemoryStore::without(fence)), ());
    let mut run = JoinSet::new();
    run.spawn(case(world));
    run.join_next().await.unwrap().is_err_and(|error| error.is_panic())
}

#[tokio::test]
async fn each_fence_left_out_breaks_its_promise() {
    for fence in Switch::ALL {
        let broken = match fence {
            Switch::EpochOnEffects => breaks(fence, turns::stale_epoch_cannot_do_anything).await,
            Switch::IncarnationOnClaim => breaks(fence, claims::a_replaced_runner_claims_nothing).await,
            Switch::IncarnationOnHeartbeat => breaks(fence, runners::every_start_is_a_new_life).await,
            Switch::DeathCompareAndSet => breaks(fence, runners::a_runner_that_moved_on_is_not_declared_dead).await,
            Switch::OneSlotPerGroup => breaks(fence, claims::one_active_slot_per_group).await,
            Switch::CursorCompareAndSet => breaks(fence, indexing::a_batch_takes_effect_once).await,
            Switch::DedupKey => breaks(fence, inbox::duplicates_are_swallowed_for_ever).await,
            Switch::BeginOnce => breaks(fence, turns::a_turn_that_was_closed_is_not_begun_again).await,
            Switch::CursorNeverDecreases => breaks(fence, turns::cursor_never_decreases).await,
            Switch::CommitOnce => breaks(fence, turns::commit_in_doubt_is_found).await,
            Switch::SnapshotWithCommit => breaks(fence, snapshots::a_fenced_commit_leaves_the_old_snapshot).await,
            Switch::EarlyEffectKey => breaks(fence, effects::early_effect_is_recorded_once_per_tool_use).await,
            Switch::NoticeKey => breaks(fence, outbox::a_notice_is_said_once_per_key).await,
            Switch::DeliveryCharge => breaks(fence, outbox::an_attempt_is_charged_once).await,
            Switch::DeliveryAttempt => breaks(fence, outbox::a_stale_attempt_cannot_finish).await,
            Switch::DeliveryOrder => breaks(fence, outbox::outbox_order_per_chat_is_kept).await,
            Switch::AccountEpoch => breaks(fence, leases::a_lost_lease_cannot_charge_a_delivery).await,
            Switch::LeaseCompareAndSet => breaks(fence, leases::a_lease_is_taken_by_one_of_two).await,
            Switch::LeaseEpoch => breaks(fence, leases::a_lost_lease_cannot_be_renewed).await,
            Switch::NextDueCompareAndSet => breaks(fence, tasks::of_two_leaders_one_is_overtaken).await,
            Switch::FiringKey => breaks(fence, tasks::a_due_instant_fires_once_even_if_the_task_is_set_back).await,
        };
        assert!(broken, "{fence:?} is left out and nothing is missed");
    }
}
