//! Directories shared with a sandbox, made safe to read and to write.
//!
//! Whatever an agent may write to is hostile: a [`HeldDir`] is opened once, before the agent starts, and every access goes
//! through that descriptor; nothing is followed, nothing can block, nothing is read beyond its cap. On it stand the two
//! mailboxes of our contract ([`MailWriter`], [`MailReader`]), the directories of NanoClaw's ([`DropBox`]), and the
//! directories of one run ([`RunDir`]). [`Watcher`] says when to look.
//!
//! It knows bytes and names; what a message means is the [agent link's](crate::agent) matter.
//!
//! Files are read and written inline, without a blocking thread: they are small, on a local disk and mostly still in the
//! page cache, and a hop to another thread would make taking a message not cancel-safe.

mod drop_box;
mod held_dir;
mod layout;
mod reader;
mod refusal;
mod remove;
mod run_dir;
mod run_dirs;
mod touch;
mod watch;
mod writer;

pub use drop_box::{DropBox, Dropped};
pub use held_dir::{HeldDir, Taken};
pub use layout::Layout;
pub use reader::MailReader;
pub use refusal::{Refusal, Refused};
pub use remove::remove_tree;
pub use run_dir::{Heart, RunDir};
pub use run_dirs::RunDirs;
pub(crate) use touch::touch;
pub use watch::{SWEEP, Watch, Watcher};
pub use writer::MailWriter;

#[cfg(test)]
mod tests;
