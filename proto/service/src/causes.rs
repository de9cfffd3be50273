//! Errors for people, on one line.

use std::error::Error;

/// A text, and after it each cause of an error.
pub fn with_causes(text: impl Into<String>, error: &dyn Error) -> String {
    let (mut text, mut cause) = (text.into(), error.source());
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it cannot be kept")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_follow_in_their_order() {
        let inner = Outer(io::Error::other("no room"));
        let error = anyhow::Error::from(inner).context("it failed");
        assert_eq!(with_causes("again", &*error), "again: it cannot be kept: no room");
    }
}
