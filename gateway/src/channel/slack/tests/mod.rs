//! The adapter over its stand-in.

mod events;
mod stories;
mod subject;
mod webhook;

mod by_socket {
    use super::subject::Slack;
    use crate::channel::conformance::channel_conformance;

    channel_conformance!(Slack<true>);
}

mod by_events_api {
    use super::subject::Slack;
    use crate::channel::conformance::channel_conformance;

    channel_conformance!(Slack<false>);
}
