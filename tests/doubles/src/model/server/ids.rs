//! Identifiers as the API mints them: a prefix and random letters, never the same twice.

use rand::Rng as _;
use rand::distr::Alphanumeric;

/// Random characters after the prefix, as many as the real ids have.
const RANDOM_CHARS: usize = 22;

/// A fresh id such as `toolu_01…`.
#[expect(
    clippy::disallowed_methods,
    reason = "a peer mints its own ids; a replayed seed must not repeat one"
)]
pub(super) fn mint(prefix: &str) -> String {
    let random: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(RANDOM_CHARS)
        .map(char::from)
        .collect();
    format!("{prefix}01{random}")
}
