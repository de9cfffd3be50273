//! The adapter against the stand-in for Gmail.

mod feed;
mod hostile;
mod mails;
mod sends;
mod subject;
