//! A stand-in for Gmail: one mailbox behind the Gmail API, Google's OAuth, and the push of Cloud Pub/Sub.
//!
//! It keeps mails, threads, labels and the history of changes, speaks Google's errors, and hands out access tokens that end.
//! As on the real service the search lags behind the mailbox (when told so), history that is too old is gone, a mail's own
//! `Message-ID` is kept, a mail above 5 MB is taken as an upload only, and the device flow takes no scope of Gmail.
//!
//! Left out: drafts, filters, delegates, batches, uploads in several requests or of the mail alone, the quota in units, and tokens of identity on pushes.

mod double;
mod error;
mod history;
mod labels;
mod mail;
mod messages;
mod oauth;
mod people;
mod push;
mod search;
mod state;
mod upload;

pub use double::GmailDouble;
pub use mail::Mail;
pub use oauth::{CLIENT_ID, CLIENT_SECRET, SCOPE};
pub use people::{Delivered, MailSeen};

#[cfg(test)]
mod tests;
