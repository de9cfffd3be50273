//! Extra mounts: which host paths a group may see, decided by an allowlist that no sandbox can reach (MS-01…10).
//!
//! [`Policy::check`] takes what a group asks for and says, mount by mount, how it is mounted or why not. The file is read
//! again each time, so a change needs no restart (unlike MS-02). Invariants: a path is judged after all its links are
//! resolved, and the resolved path is what is mounted; nothing of the installation itself is ever mounted this way, not even
//! through a parent directory.

mod allowlist;
mod check;
mod pattern;
mod refusal;
mod shadow;
mod target;

pub use allowlist::{Allowlist, InvalidAllowlist, Root};
pub use check::{Checked, Policy, RefusedMount};
pub use pattern::{BUILT_IN, Pattern};
pub use refusal::Refusal;
pub use shadow::Shadows;

/// Where extra mounts appear in the sandbox (MS-09).
pub const EXTRA_DIR: &str = "/workspace/extra";

#[cfg(test)]
mod tests;
