//! The adapter over its stand-in.

mod receiving;
mod sending;
mod settings;
mod story;
mod subject;

use subject::WhatsApp;

/// By default nothing is said twice.
mod never {
    use super::WhatsApp;
    crate::channel::conformance::channel_conformance!(WhatsApp<false>);
}

/// By option nothing is lost.
mod always {
    use super::WhatsApp;
    crate::channel::conformance::channel_conformance!(WhatsApp<true>);
}
