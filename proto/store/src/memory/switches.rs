//! Fences that can be left out, for proving that each is needed: a simulator runs the same world without one of them and must
//! find a promise broken. Never in production.

/// A fence of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Switch {
    /// Every effect shows the newest epoch of its group, its owner, and a life that is not over. Without it, whoever once
    /// held the group may act for it.
    EpochOnEffects,
    /// Only the newest life of a runner, not declared dead, may claim.
    IncarnationOnClaim,
    /// Only the newest life of a runner, not declared dead, may move its counter; others learn that they are over.
    IncarnationOnHeartbeat,
    /// A life is declared dead only if its counter still stands where it was seen. Without it, also when it moved on.
    DeathCompareAndSet,
    /// A group that has an owner, and with it a slot, is not claimed.
    OneSlotPerGroup,
    /// A batch of the log counts only if the partition is of its generation and stands where the batch begins.
    CursorCompareAndSet,
    /// A dedup key that is in an inbox does not come in again.
    DedupKey,
    /// A turn that was closed is not begun again.
    BeginOnce,
    /// A group's cursor only grows.
    CursorNeverDecreases,
    /// A commit tried again is found by its turn, and not done twice.
    CommitOnce,
    /// A snapshot becomes the group's in the transaction of its commit. Without it, also when the commit is refused.
    SnapshotWithCommit,
    /// An early effect that its turn already has, or an interrupted attempt sent, is not put into the outbox again.
    EarlyEffectKey,
    /// A notice of the system is put into the outbox once per key.
    NoticeKey,
    /// An attempt at a delivery is charged only if it is pending.
    DeliveryCharge,
    /// Only the attempt that is being made records its outcome.
    DeliveryAttempt,
    /// Only the head of a chat's queue is sent.
    DeliveryOrder,
    /// Only the holder of the account charges an attempt.
    AccountEpoch,
    /// A lease is taken only if its row is still as it was seen.
    LeaseCompareAndSet,
    /// Only its holder moves a lease's counter or gives it up; others learn that they lost it.
    LeaseEpoch,
    /// A decision about a due task counts only if the task is as it was read.
    NextDueCompareAndSet,
    /// A due instant of a task is fired once, even if its `next_due` was set back.
    FiringKey,
}

impl Switch {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::EpochOnEffects,
        Self::IncarnationOnClaim,
        Self::IncarnationOnHeartbeat,
        Self::DeathCompareAndSet,
        Self::OneSlotPerGroup,
        Self::CursorCompareAndSet,
        Self::DedupKey,
        Self::BeginOnce,
        Self::CursorNeverDecreases,
        Self::CommitOnce,
        Self::SnapshotWithCommit,
        Self::EarlyEffectKey,
        Self::NoticeKey,
        Self::DeliveryCharge,
        Self::DeliveryAttempt,
        Self::DeliveryOrder,
        Self::AccountEpoch,
        Self::LeaseCompareAndSet,
        Self::LeaseEpoch,
        Self::NextDueCompareAndSet,
        Self::FiringKey,
    ];
}
