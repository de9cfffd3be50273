//! The stream of accepted messages: what it must be like, and how it is brought about.
//!
//! Servers before 2.12 drop settings they do not know without a word, and a stream of another origin may lie in the way:
//! so what came back is compared with what was asked for, setting by setting, and a difference is refused.

mod compare;
mod ensure;
mod settings;

pub(super) use ensure::{OLDEST_SERVER, Stream, ensure};
pub(super) use settings::MESSAGE_BYTES_MAX;
