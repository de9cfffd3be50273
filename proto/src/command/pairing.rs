//! Pairing: a chat that nobody registered shows a code, and whoever may registers it by that code.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ChatId;
use crate::time::Timestamp;

/// How long a code may be used: long enough to find the operator, short enough that a code seen on an old screen is worthless.
pub const PAIRING_LASTS: Duration = Duration::from_secs(60 * 60);

/// Most chats that may be asking at a time. Strangers can ask, so this bounds rows and what an operator must look through.
pub const PAIRINGS_OPEN_MAX: u32 = 20;

/// Letters of a code: none that is mistaken for another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a code. 40 bits, of which at most [`PAIRINGS_OPEN_MAX`] are right for an hour.
const LENGTH: usize = 8;

/// The code of a chat that asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PairCode(String);

/// Why a text cannot be a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a pairing code: it has {LENGTH} letters and digits; `clawhold pair list` shows those there are"
)]
pub struct InvalidPairCode {
    /// What was given, cut to a printable length.
    pub text: String,
}

impl PairCode {
    /// Reads a code as a person typed it.
    ///
    /// # Errors
    /// [`InvalidPairCode`].
    pub fn parse(text: &str) -> Result<Self, InvalidPairCode> {
        let code = text.trim().to_ascii_uppercase();
        if code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte)) {
            Ok(Self(code))
        } else {
            Err(InvalidPairCode {
                text: text.chars().take(80).collect(),
            })
        }
    }

    /// A code made of random bits.
    pub fn from_bits(mut bits: u64) -> Self {
        let mut code = String::with_capacity(LENGTH);
        for _ in 0..LENGTH {
            code.push(char::from(LETTERS[(bits % 32) as usize]));
            bits /= 32;
        }
        Self(code)
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PairCode {
    type Error = InvalidPairCode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PairCode> for String {
    fn from(code: PairCode) -> Self {
        code.0
    }
}

impl fmt::Display for PairCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chat that asks to be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// Its code.
    pub code: PairCode,
    /// The chat.
    pub chat: ChatId,
    /// When it first asked with this code.
    pub asked_at: Timestamp,
}

impl Pairing {
    /// Whether the code may still be used.
    pub fn is_open(&self, now: Timestamp) -> bool {
        now.since(self.asked_at) < PAIRING_LASTS
    }
}
