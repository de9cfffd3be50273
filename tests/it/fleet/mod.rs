//! Stories of a fleet: real Postgres, real NATS, every service a process of its own.

mod answering;
mod chaos;
mod crashes;
mod files;
mod full_disks;
mod links;
mod servers_away;
mod slots;
mod stops;
mod tasks;
mod wrong_settings;
