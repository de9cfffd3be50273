//! Snowflakes: ids that grow with time.

/// 2015-01-01, where Discord's count of milliseconds begins.
const EPOCH_MS: u64 = 1_420_070_400_000;
/// Bits below the milliseconds: worker, process, increment.
const LOW_BITS: u32 = 22;

/// Mints ids, each above the one before.
#[derive(Debug, Default)]
pub(super) struct Snowflakes {
    last: u64,
}

impl Snowflakes {
    pub(super) fn next(&mut self, now_ms: u64) -> u64 {
        let of_now = now_ms.saturating_sub(EPOCH_MS) << LOW_BITS;
        self.last = of_now.max(self.last + 1);
        self.last
    }
}

/// When an id was minted.
pub(super) fn minted_ms(id: u64) -> u64 {
    (id >> LOW_BITS) + EPOCH_MS
}
