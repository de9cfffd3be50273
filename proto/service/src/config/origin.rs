//! Where a value comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Sources of values by path.
pub(super) type Origins = BTreeMap<Vec<String>, Origin>;

/// Source of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// Found out about this host: its time zone, files at customary places.
    Host,
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A line of a `.env` file.
    DotEnv {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Name of the variable.
        name: String,
    },
    /// The process environment.
    Environment {
        /// Name of the variable.
        name: String,
    },
    /// A flag on the command line.
    CommandLine,
}

impl Origin {
    /// Line in its file; 0 for what is not in a file.
    pub(super) fn line(&self) -> usize {
        match self {
            Self::File { line, .. } | Self::DotEnv { line, .. } => *line,
            Self::Default | Self::Host | Self::Environment { .. } | Self::CommandLine => 0,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Host => f.write_str("this host"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::DotEnv { path, line, name } => write!(f, "{}:{line} {name}", path.display()),
            Self::Environment { name } => write!(f, "environment {name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}
