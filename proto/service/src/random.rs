//! Random numbers for jitter. The one place that draws them; everybody else is given a [`Random`].

/// Draws evenly from 0.0 (included) to 1.0 (excluded).
pub type Random = fn() -> f64;

/// Draws from the system's generator. Not for secrets.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the source that everybody else is given"
)]
pub fn fraction() -> f64 {
    rand::random()
}
