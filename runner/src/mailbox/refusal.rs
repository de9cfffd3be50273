//! Why something found in an agent's directory is not read.

use std::fmt;

/// Something in an agent's directory that was refused and, where possible, moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name, printable and cut.
    pub name: String,
    /// Why.
    pub reason: Refusal,
}

/// Why it is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Links are never followed.
    #[error("it is a symbolic link")]
    Link,
    /// A directory, FIFO, socket or device.
    #[error("it is not a regular file")]
    NotAFile,
    /// A file with a second name could change hands after it was checked, and nothing honest makes one.
    #[error("it has {0} hard links")]
    HardLinks(u64),
    /// Larger than what may be read.
    #[error("it has {bytes} bytes, more than the limit of {max}")]
    TooLarge {
        /// Size found.
        bytes: u64,
        /// Limit.
        max: u64,
    },
    /// A name that no file of the contract has.
    #[error("no file of the contract has such a name")]
    Name,
    /// More entries than are looked at.
    #[error("the directory holds more than {0} entries; the surplus is deleted")]
    Flood(usize),
    /// A message so far ahead that those before it cannot all be waiting.
    #[error("it is {0} messages ahead or more; such files are deleted")]
    Ahead(u64),
    /// A message that never came, although later ones did.
    #[error("the messages before it are missing")]
    Gap,
    /// The system would not let it be read.
    #[error("it cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
}

impl Refused {
    /// Longest part of a name that is kept.
    const NAME_CHARS_MAX: usize = 80;

    /// Records a refusal; the name comes from the agent and may be anything.
    pub fn new(name: &[u8], reason: Refusal) -> Self {
        let name = String::from_utf8_lossy(name)
            .chars()
            .take(Self::NAME_CHARS_MAX)
            .collect::<String>();
        Self {
            name: name.escape_default().to_string(),
            reason,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} was refused: {}", self.name, self.reason)
    }
}
