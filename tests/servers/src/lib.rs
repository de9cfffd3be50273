//! Real servers for tests and benchmarks: started on free loopback ports, stopped with the value that holds them.
//!
//! The programs come from one directory that `script/parts/servers.sh` fills (`CLAWHOLD_SERVERS`, else the cache directory),
//! so that a test never meets whatever the machine has on its PATH. The crate knows nothing of ours: it starts servers as an
//! operator would, and breaks them as the world does.
//!
//! Invariants: nothing outlives the test, not even one that is killed with SIGKILL (a guard process sees the end of its input
//! and cleans up); a server that is down keeps its port; a server that cannot start is a panic that carries its log, never a
//! reason to skip.
// As in the tests themselves: a failed start or an impossible step ends the test.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::panic)]

mod account;
mod address;
mod certificates;
mod disk;
mod faults;
mod frozen;
mod guard;
mod installed;
mod nats;
mod pgbouncer;
mod port;
mod postgres;
mod process;
mod rclone;

pub use address::redirected;
pub use disk::Disk;
pub use faults::TcpFaults;
pub use installed::compose;
pub use nats::{Keys, Nats, NatsCluster, NatsOptions, Version};
pub use pgbouncer::PgBouncer;
pub use port::Port;
pub use postgres::{Postgres, PostgresOptions};
pub use rclone::Rclone;
