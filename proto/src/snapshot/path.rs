//! Paths and link targets of any bytes, as text that survives JSON.

use serde::{Deserialize, Serialize};

/// A path inside a snapshot: the name of its root, then names joined by `/`. No name is empty, `.` or `..`.
///
/// As text, `%` and bytes that are not UTF-8 are written `%xx`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TreePath(Vec<u8>);

/// Where a link points: any bytes but NUL, never resolved by us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkTarget(Vec<u8>);

/// Why bytes cannot be a path in a snapshot, or where a link points.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path inside a snapshot: {text:?}")]
pub struct InvalidTreePath {
    /// What was given, cut to a printable length.
    pub text: String,
}

impl TreePath {
    /// Longest path in bytes, with its root's name: what Linux takes in one call.
    pub const LENGTH_MAX: usize = 4096;
    /// Longest single name in bytes.
    pub const NAME_MAX: usize = 255;

    /// Checks a path.
    ///
    /// # Errors
    /// [`InvalidTreePath`] for anything that could lead out of the root.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidTreePath> {
        let fits = bytes.len() <= Self::LENGTH_MAX && bytes.split(|byte| *byte == b'/').all(is_name);
        if fits {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(invalid(bytes))
        }
    }

    /// The path of a name in this directory.
    ///
    /// # Errors
    /// [`InvalidTreePath`] when it becomes too long.
    pub fn join(&self, name: &[u8]) -> Result<Self, InvalidTreePath> {
        let joined = [&self.0, b"/".as_slice(), name].concat();
        if is_name(name) && joined.len() <= Self::LENGTH_MAX {
            Ok(Self(joined))
        } else {
            Err(invalid(&joined))
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its names, the root's first; at least one.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// The name of its root.
    pub fn root(&self) -> &[u8] {
        self.names().next().unwrap_or_default()
    }

    /// What follows the root's name; empty for the root itself.
    pub fn below_root(&self) -> &[u8] {
        self.0.get(self.root().len() + 1..).unwrap_or_default()
    }

    /// The directory it is in, and its last name; none for a root.
    pub fn split_last(&self) -> Option<(Self, &[u8])> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some((Self(self.0[..slash].to_vec()), &self.0[slash + 1..]))
    }
}

impl LinkTarget {
    /// Checks a target.
    ///
    /// # Errors
    /// [`InvalidTreePath`] when it is empty, too long or holds a NUL.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidTreePath> {
        let fits = !bytes.is_empty() && bytes.len() <= TreePath::LENGTH_MAX && !bytes.contains(&0);
        if fits {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(invalid(bytes))
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= TreePath::NAME_MAX
        && !name.iter().any(|b| matches!(b, 0 | b'/'))
}

fn invalid(bytes: &[u8]) -> InvalidTreePath {
    InvalidTreePath {
        text: encode(bytes).chars().take(80).collect(),
    }
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for run in bytes.utf8_chunks() {
        text.push_str(&run.valid().replace('%', "%25"));
        run.invalid()
            .iter()
            .for_each(|byte| text.push_str(&format!("%{byte:02x}")));
    }
    text
}

fn decode(text: &str) -> Result<Vec<u8>, InvalidTreePath> {
    if !text.contains('%') {
        return Ok(text.as_bytes().to_vec());
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid(text.as_bytes()))?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

impl TryFrom<String> for TreePath {
    type Error = InvalidTreePath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&decode(&text)?)
    }
}

impl From<TreePath> for String {
    fn from(path: TreePath) -> Self {
        encode(&path.0)
    }
}

impl TryFrom<String> for LinkTarget {
    type Error = InvalidTreePath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&decode(&text)?)
    }
}

impl From<LinkTarget> for String {
    fn from(target: LinkTarget) -> Self {
        encode(&target.0)
    }
}

impl std::fmt::Display for TreePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&encode(&self.0))
    }
}
