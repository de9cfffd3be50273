//! Names that smell of credentials.
//!
//! MS-06 refuses a path in which a pattern occurs anywhere, which also refuses `token-service` for `token` and
//! `.environment` for `.env` (MS-D1). Here a pattern is compared with each component of the path: it fits the whole
//! name, or the name cut at a dot (`.env.local`, `prod.env`, `credentials.json`, `id_rsa.pub`). Who wants more says so with
//! `*` (`*secret*`). Letter case never matters: some file systems ignore it.

use std::path::{Component, Path};

/// Blocked whatever the allowlist says (MS-03).
pub const BUILT_IN: [&str; 17] = [
    ".ssh",
    ".gnupg",
    ".gpg",
    ".aws",
    ".azure",
    ".gcloud",
    ".kube",
    ".docker",
    "credentials",
    ".env",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "id_rsa",
    "id_ed25519",
    "private_key",
    ".secret",
];

/// One blocked name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As written.
    text: String,
    /// Its components in lower case; several must follow one another in the path.
    names: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; `None` when it names nothing.
    pub fn new(text: &str) -> Option<Self> {
        let names: Vec<_> = text
            .split('/')
            .filter(|name| !name.is_empty())
            .map(str::to_lowercase)
            .collect();
        (!names.is_empty()).then(|| Self {
            text: text.to_owned(),
            names,
        })
    }

    /// The built-in patterns.
    pub fn built_in() -> impl Iterator<Item = Self> {
        BUILT_IN.iter().filter_map(|text| Self::new(text))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it fits some place in the path.
    pub fn fits(&self, path: &Path) -> bool {
        let components: Vec<_> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy().to_lowercase()),
                _ => None,
            })
            .collect();
        components.windows(self.names.len()).any(|window| {
            window
                .iter()
                .zip(&self.names)
                .all(|(name, pattern)| name_fits(pattern, name))
        })
    }
}

fn name_fits(pattern: &str, name: &str) -> bool {
    if pattern.contains('*') {
        return glob_fits(pattern.as_bytes(), name.as_bytes());
    }
    let is_stem = || name.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('.'));
    let is_extension = || {
        name.strip_suffix(pattern)
            .is_some_and(|rest| !rest.is_empty() && (pattern.starts_with('.') || rest.ends_with('.')))
    };
    name == pattern || is_stem() || is_extension()
}

/// `*` stands for any run of bytes. Greedy with one point to go back to, so the time is at most the product of the lengths.
fn glob_fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut star) = ((0, 0), None);
    while at.1 < name.len() {
        match pattern.get(at.0) {
            Some(b'*') => {
                star = Some(at);
                at.0 += 1;
            }
            Some(byte) if *byte == name[at.1] => at = (at.0 + 1, at.1 + 1),
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at.0..].iter().all(|byte| *byte == b'*')
}
