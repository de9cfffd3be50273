//! The fences that stand in the actors, each with a switch. Those that stand in the rows are [`store::memory::Switch`].

/// Something that keeps a promise, and may be taken down to see that the simulator misses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// A runner stops acting when its heartbeats do not get through.
    TrustWindow,
    /// The proxy of a sandbox closes when its runner is fenced.
    ProxyClosesWhenFenced,
    /// The proxy asks the clock at every request and answer, and does not wait to be shut.
    ProxyChecksTheClock,
    /// A sandbox stands still while its runner is fenced.
    SandboxPausesWhenFenced,
    /// A restarted runner kills its old sandboxes before it frees their groups.
    KillBeforeFree,
    /// A run kills its sandbox before it ends its claim.
    KillBeforeRelease,
    /// A sandbox that hears nothing of its runner ends by itself.
    Watchdog,
    /// The messages are read in a later transaction than the claim.
    ReadAfterClaim,
    /// The cursor moves only as far as the agent said it consumed.
    ConsumedThrough,
    /// The committed files are brought to the host before the first sandbox of a claim starts.
    RestoreFirst,
    /// A snapshot is in the store of blobs before the row that names it is committed.
    UploadBeforeCommit,
    /// Blobs that a newer owner wrote are told by the epoch in their names, and left alone.
    EpochInBlobNames,
    /// One publish at a time for each group.
    OnePublishPerGroup,
    /// The platform is told only after the log has the message.
    AckAfterDurable,
    /// The log swallows what it has under the same id.
    MessageId,
    /// The reaper measures silence by its own monotonic clock.
    OwnClock,
    /// A candidate takes a lease only after it saw it unchanged for long.
    LeasePatience,
    /// The holder of a lease stops acting when its renewals do not get through.
    LeaseTrust,
    /// The trust in a lease is checked by the clock right before something leaves.
    CheckBeforeSend,
    /// An attempt is charged before anything leaves.
    ChargeBeforeSend,
    /// What may have left is not sent again unless that is harmless.
    InterruptionPolicy,
}
