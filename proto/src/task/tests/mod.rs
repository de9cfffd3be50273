//! What tasks promise.
