//! Runs the conformance suite on the engines of this crate.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use proto::time::Timestamp;
use store::conformance::World;
use store::sqlite::SqliteStore;

async fn in_a_file() -> World {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("clawhold.db"), Timestamp::from_millis(0)).unwrap();
    World::new(Arc::new(store), directory)
}

mod sqlite {
    store::conformance_tests!(crate::in_a_file);
}

async fn in_memory() -> World {
    World::new(Arc::new(store::memory::MemoryStore::new()), ())
}

mod memory {
    store::conformance_tests!(crate::in_memory);
}
