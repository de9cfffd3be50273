//! What a run over the channels is asked for by its environment.

/// The number in this variable, or the default.
pub(crate) fn number(variable: &str, default: usize) -> usize {
    let given = std::env::var(variable).ok();
    given.map_or(default, |given| {
        given
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, and not {given:?}"))
    })
}

/// The channel of a peer: its name may say more than that.
pub(crate) fn channel_of(peer: &str) -> &str {
    peer.split(' ').next().unwrap_or(peer)
}

/// Whether this peer is among the channels in `CLAWHOLD_BENCH_CHANNELS`; without it all are.
pub(crate) fn is_asked_for(peer: &str) -> bool {
    match std::env::var("CLAWHOLD_BENCH_CHANNELS") {
        Ok(only) => only.split(',').any(|only| only == channel_of(peer)),
        Err(_) => true,
    }
}

/// Whether peers were measured and all kept what they promise; says so if there was none.
pub(crate) fn verdict(kept: &[bool]) -> bool {
    if kept.is_empty() {
        eprintln!("bench: CLAWHOLD_BENCH_CHANNELS names no channel that there is");
    }
    !kept.is_empty() && kept.iter().all(|kept| *kept)
}
