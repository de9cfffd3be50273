//! What a schedule promises.
