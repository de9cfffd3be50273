//! Names of blobs: safe as a path, as a key of S3 and in a log.

use std::fmt;
use std::str::FromStr;

/// A validated name: segments of `[A-Za-z0-9._-]` joined by `/`, none of them beginning with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(String);

/// Why a text is no name of a blob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a blob name: use segments of letters, digits, '.', '_' and '-', joined by '/', {max} bytes at most",
    max = BlobName::LENGTH_MAX
)]
pub struct InvalidBlobName {
    /// What was given, cut to a printable length.
    pub text: String,
}

impl BlobName {
    /// Longest name in bytes: with a prefix in front it stays below the 1024 of S3.
    pub const LENGTH_MAX: usize = 512;
    /// Longest segment in bytes: with the suffix of a temporary file it stays below the 255 of file systems.
    pub const SEGMENT_MAX: usize = 200;

    /// Parses a name. A segment never begins with a dot: no `..`, and those names are left to adapters.
    ///
    /// # Errors
    /// [`InvalidBlobName`].
    pub fn parse(text: &str) -> Result<Self, InvalidBlobName> {
        if text.len() <= Self::LENGTH_MAX && text.split('/').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidBlobName {
                text: text.chars().take(80).collect(),
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !segment.is_empty()
        && segment.len() <= BlobName::SEGMENT_MAX
        && !segment.starts_with('.')
        && segment.bytes().all(allowed)
}

impl FromStr for BlobName {
    type Err = InvalidBlobName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_store() {
        for good in ["a", "groups/main/12-0.pack", "A_b-c.d/e"] {
            assert_eq!(BlobName::parse(good).unwrap().as_str(), good);
        }
        let long = ["a".repeat(201), vec!["aaaaaaaaa"; 60].join("/")];
        for bad in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", ".hidden", "a b", "a\\b", "é", &long[0], &long[1],
        ] {
            assert!(BlobName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
