//! What can go wrong with a sandbox, cut by what the caller does about it.

use super::SandboxId;

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine does not answer: degraded, try again later; no group is to blame.
    #[error("sandbox engine at {engine} cannot be reached: {reason}")]
    Unreachable {
        /// Address that was tried.
        engine: String,
        /// What the attempt ended with.
        reason: String,
    },
    /// The image is not there: a human must make or load it.
    #[error(
        "image {image} does not exist; run `clawhold image build`, or set sandbox.image to an image the engine has"
    )]
    NoSuchImage {
        /// Image as it was asked for.
        image: String,
    },
    /// The request breaks a rule of ours or of the engine's: trying again cannot help.
    #[error("refused: {0}")]
    Refused(String),
    /// The sandbox has ended or was removed.
    #[error("sandbox {0} is gone")]
    Gone(SandboxId),
    /// The engine answered with a failure of its own: trying again may help.
    #[error("sandbox engine failed to {action}: {reason}")]
    Failed {
        /// What was attempted, as an infinitive.
        action: &'static str,
        /// What the engine said.
        reason: String,
    },
}

impl RuntimeError {
    /// Whether the same request may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Failed { .. } => true,
            Self::NoSuchImage { .. } | Self::Refused(_) | Self::Gone(_) => false,
        }
    }
}
