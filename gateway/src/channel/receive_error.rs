//! Why a platform's feed broke off, or a file could not be fetched.

/// Why a feed broke off. The reasons are shown to operators: no credentials, no message texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// The platform does not accept the account's credentials (any more): somebody must act. Tried again slowly.
    #[error("the platform refuses the account: {0}")]
    Refused(String),
    /// Somebody else reads the same feed.
    #[error("somebody else uses the account: {0}")]
    Conflict(String),
    /// Anything that may pass.
    #[error("{0}")]
    Failed(String),
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It never will be: it is larger than allowed.
    #[error("it is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// It never will be, for another reason.
    #[error("{0}")]
    Gone(String),
    /// Not now.
    #[error("{0}")]
    Unavailable(String),
}
