mod events;
mod format;
mod stories;
mod subject;

use subject::Telegram;

/// By default nothing is said twice.
mod never {
    use super::Telegram;
    crate::channel::conformance::channel_conformance!(Telegram<false>);
}

/// By option nothing is lost.
mod always {
    use super::Telegram;
    crate::channel::conformance::channel_conformance!(Telegram<true>);
}
