//! The promises of the lifecycle, in paused time.
