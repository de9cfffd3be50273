//! Blobs: the contents of workspaces, by name. Rows refer to them; this crate knows nothing of rows.
