//! What an image says about itself, and which container contract follows from it.

use std::collections::HashMap;

use proto::ipc::{CONTRACT_LABEL, VERSION};

use super::RuntimeError;

/// The language an image's entrypoint speaks with the runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// Ours: two mailboxes of JSON files.
    Own,
    /// NanoClaw's: stdin JSON, output markers, `/workspace/ipc`. Its images carry no label of ours.
    NanoClaw,
}

impl Contract {
    /// Reads the contract from an image's labels.
    ///
    /// # Errors
    /// [`RuntimeError::Refused`] when the image speaks a version of our contract that this build does not.
    pub fn of_labels(labels: &HashMap<String, String>) -> Result<Self, RuntimeError> {
        match labels.get(CONTRACT_LABEL) {
            None => Ok(Self::NanoClaw),
            Some(version) if *version == VERSION.to_string() => Ok(Self::Own),
            Some(version) => Err(RuntimeError::Refused(format!(
                "the image speaks container contract {version:?}, this clawhold speaks {VERSION}; rebuild it with `clawhold image build`"
            ))),
        }
    }
}

/// An image as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// Content id: what is started, so that a rebuild between looking and starting changes nothing.
    pub id: String,
    /// How to talk to it.
    pub contract: Contract,
    /// Its entrypoint; empty when it has none.
    pub entrypoint: Vec<String>,
    /// Its default arguments, or the whole command when there is no entrypoint.
    pub cmd: Vec<String>,
    /// Its environment as `NAME=value`.
    pub env: Vec<String>,
    /// Its working directory.
    pub working_dir: Option<String>,
}

impl ImageInfo {
    /// The command the image runs by itself.
    pub fn command(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.cmd).cloned().collect()
    }
}
