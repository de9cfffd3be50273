//! Stories of a fleet: real Postgres, real NATS, every service a process of its own.

mod answering;
