//! The adapter against the stand-in for Gmail.

mod conformance;
mod feed;
mod hostile;
mod mails;
mod sends;
mod subject;
