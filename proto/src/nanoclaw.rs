//! NanoClaw's own container contract, so that its images run unmodified.
