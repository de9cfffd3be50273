//! The process environment, read once.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// A set of environment variables. Tests bring their own.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

/// A value that is not text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotText;

impl Environment {
    /// The variables of this process, as they are now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        // A name that is not text is none of ours.
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self {
            variables: variables.collect(),
        }
    }

    /// A variable, if it is set to some text that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.value(name)?.ok()
    }

    /// The same without one variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// A variable; an empty one counts as absent, as in NanoClaw and in `.env`.
    pub(super) fn value(&self, name: &str) -> Option<Result<&str, NotText>> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        Some(value.to_str().ok_or(NotText))
    }

    /// Names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}
