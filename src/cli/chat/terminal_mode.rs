//! The terminal as it was found.

use std::io::{Write, stdin, stdout};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Ends the mode in which a terminal marks pasted text, which the editor turns on while it reads.
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Puts the terminal back when dropped: the editor's thread may still be reading when the node ends, and would leave it
/// without echo.
pub(super) struct TerminalMode {
    found: Option<Termios>,
}

impl TerminalMode {
    /// Notes how the terminal is.
    pub(super) fn keep() -> Self {
        Self {
            found: tcgetattr(stdin()).ok(),
        }
    }
}

impl Drop for TerminalMode {
    fn drop(&mut self) {
        if let Some(found) = &self.found {
            // Nothing can be done about a terminal that is gone.
            let _ = tcsetattr(stdin(), OptionalActions::Now, found);
            let _ = stdout().write_all(BRACKETED_PASTE_OFF);
            let _ = stdout().flush();
        }
    }
}
