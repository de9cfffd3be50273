//! Starts a fleet.

use std::path::PathBuf;
use std::sync::Arc;

use servers::{Nats, Postgres, Version};
use tempfile::TempDir;

use super::platform::SECRET;
use super::{Fleet, HOOK, InstantModel, Links, Platform, Registrar, Role, Service, group_name};
use crate::node::binary;
use crate::people::install_tls;

/// Settings of a fleet before it starts.
pub struct FleetBuilder {
    gateways: usize,
    schedulers: usize,
    runners: usize,
    rooms: usize,
    durable: bool,
    direct: bool,
    standby: bool,
    version: Version,
    database_disk: Option<u64>,
    broker_disk: Option<u64>,
    runner_disk: Option<u64>,
    environment: Vec<(String, String)>,
    config: String,
}

impl Default for FleetBuilder {
    fn default() -> Self {
        Self {
            gateways: 2,
            schedulers: 2,
            runners: 3,
            rooms: 8,
            durable: false,
            direct: false,
            standby: false,
            version: Version::V2_15,
            database_disk: None,
            broker_disk: None,
            runner_disk: None,
            environment: Vec::new(),
            config: String::new(),
        }
    }
}

impl FleetBuilder {
    /// How many of each service.
    #[must_use]
    pub fn services(mut self, gateways: usize, schedulers: usize, runners: usize) -> Self {
        (self.gateways, self.schedulers, self.runners) = (gateways, schedulers, runners);
        self
    }

    /// Rooms, each a group of its own.
    #[must_use]
    pub fn rooms(mut self, rooms: usize) -> Self {
        self.rooms = rooms;
        self
    }

    /// Servers that write to the disk before they say so.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Without links that can be cut, which cost what they carry: what a benchmark must measure.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.direct = true;
        self
    }

    /// With a second Postgres that follows the first and is named in the services' URL. Without links.
    #[must_use]
    pub fn standby(mut self) -> Self {
        (self.standby, self.direct) = (true, true);
        self
    }

    /// Another broker.
    #[must_use]
    pub fn nats(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// With a database on a small disk of its own, of so many bytes.
    #[must_use]
    pub fn database_disk(mut self, bytes: u64) -> Self {
        self.database_disk = Some(bytes);
        self
    }

    /// With a broker whose JetStream is on a small disk of its own.
    #[must_use]
    pub fn broker_disk(mut self, bytes: u64) -> Self {
        self.broker_disk = Some(bytes);
        self
    }

    /// With the first runner on a small disk of its own.
    #[must_use]
    pub fn runner_disk(mut self, bytes: u64) -> Self {
        self.runner_disk = Some(bytes);
        self
    }

    /// An environment variable of all services.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// More of `clawhold.toml`.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self
    }

    /// Starts the servers and all services, and waits until they are ready.
    pub async fn start(self) -> Fleet {
        let mut fleet = self.prepare().await;
        for service in fleet.services() {
            service.start();
        }
        fleet.ready().await;
        fleet
    }

    /// Starts the servers and prepares the services, without starting them. Rooms are registered.
    pub async fn prepare(self) -> Fleet {
        install_tls();
        let (postgres, nats) = tokio::join!(self.postgres(), self.broker());
        let mut database = postgres.fresh_database().await;
        register_rooms(&database, self.rooms).await;
        let mut standby = None;
        if self.standby {
            let second = postgres.standby().await;
            let first = postgres.addr().to_string();
            database = database.replace(&first, &format!("{first},{}", second.addr()));
            standby = Some(second);
        }
        let (platform, model) = (Arc::new(Platform::start().await), InstantModel::start().await);
        let directory = TempDir::with_prefix("chf").unwrap();
        let config = directory.path().join("clawhold.toml");
        let hook = format!(
            "[channels.webhook.{HOOK}]\nsecret = \"{SECRET}\"\ncallback_url = \"{}\"\n",
            platform.url()
        );
        std::fs::write(&config, format!("{}\n{hook}", self.config)).unwrap();
        let mut environment: Vec<_> = [
            ("CLAWHOLD_CONFIG", config.display().to_string()),
            ("DOCKER_HOST", "process".to_owned()),
            ("CONTAINER_IMAGE", instant_agent().display().to_string()),
            ("ANTHROPIC_BASE_URL", model.url()),
            ("ANTHROPIC_API_KEY", "stand-in".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("LOG_LEVEL", "info".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(self.environment);
        let mut fleet = Fleet {
            gateways: Vec::new(),
            schedulers: Vec::new(),
            runners: Vec::new(),
            platform,
            model,
            postgres,
            standby,
            nats,
            database,
            directory,
        };
        for number in 0..self.gateways {
            let service = fleet.service(Role::Gateway, number, &environment, self.direct).await;
            fleet.gateways.push(service);
        }
        for number in 0..self.schedulers {
            let service = fleet.service(Role::Scheduler, number, &environment, self.direct).await;
            fleet.schedulers.push(service);
        }
        for number in 0..self.runners {
            let service = fleet.service(Role::Runner, number, &environment, self.direct).await;
            let disk = self.runner_disk.filter(|_| number == 0);
            fleet.runners.push(match disk {
                Some(bytes) => service.on_disk(bytes),
                None => service,
            });
        }
        fleet
            .platform
            .deliver_to(fleet.gateways.iter().map(Service::http).collect());
        fleet
    }

    async fn postgres(&self) -> Postgres {
        // As many as a fleet of this size opens.
        let mut options = Postgres::options().set("max_connections", "200");
        if let Some(bytes) = self.database_disk {
            // A checkpoint without room would end it whenever one is due.
            options = options.disk(bytes).set("checkpoint_timeout", "1h");
        }
        if self.durable { options.durable() } else { options }.start().await
    }

    async fn broker(&self) -> Nats {
        let mut options = Nats::options(self.version);
        if let Some(bytes) = self.broker_disk {
            options = options.disk(bytes);
        }
        if self.durable { options.durable() } else { options }.start().await
    }
}

impl Fleet {
    async fn service(&self, role: Role, number: usize, environment: &[(String, String)], direct: bool) -> Service {
        let links = Links::start(&self.postgres, &self.nats).await;
        let mut environment = environment.to_vec();
        let (database, broker) = if direct {
            (self.database.clone(), self.nats.url())
        } else {
            (
                links.postgres.through(&self.database),
                links.nats.through(&self.nats.url()),
            )
        };
        environment.push(("CLAWHOLD_POSTGRES_URL".to_owned(), database));
        environment.push(("CLAWHOLD_NATS_URL".to_owned(), broker));
        Service::new(role, number, self.directory(), links, &environment)
    }
}

/// The agent, built beside the binary under test.
pub fn instant_agent() -> PathBuf {
    let beside = [binary(), std::env::current_exe().unwrap().parent().unwrap().join("x")];
    let found = beside.iter().map(|path| path.with_file_name("instant-agent"));
    let deeper = std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(2)
        .unwrap()
        .join("instant-agent");
    let path = found.chain([deeper]).find(|path| path.exists());
    path.expect("instant-agent is missing: run `cargo build --workspace --bins`, as script/test does")
}

/// Registers a group for each room, as an operator would before people may speak there.
async fn register_rooms(database: &str, rooms: usize) {
    let registrar = Registrar::connect(database).await;
    for room in 0..rooms {
        let chat = format!("webhook:{HOOK}:{room}");
        registrar.register("webhook", HOOK, &chat, &group_name(room)).await;
    }
}
