//! Three servers that keep their streams together.

use anyhow::Result;

use super::{Nats, Version};
use crate::port::Port;

/// Servers: the fewest of which one can be lost.
const SERVERS: usize = 3;

/// A cluster.
#[derive(Debug)]
pub struct NatsCluster {
    /// Its servers, named `n0` and so on.
    pub servers: Vec<Nats>,
    /// Where they talk with one another.
    _routes: Vec<Port>,
}

impl NatsCluster {
    /// Starts all of them; streams can be made once they have found one another.
    ///
    /// # Panics
    /// When one cannot be started.
    pub async fn start(version: Version) -> Self {
        let started = Self::try_start(version).await;
        started.unwrap_or_else(|error| panic!("no cluster of NATS servers for the tests: {error:#}"))
    }

    async fn try_start(version: Version) -> Result<Self> {
        let ports = (0..SERVERS).map(|_| Port::reserve()).collect::<Result<Vec<_>>>()?;
        let routes: Vec<_> = ports
            .iter()
            .map(|port| format!("\"nats://{}\"", port.address()))
            .collect();
        let routes = routes.join(", ");
        let mut servers = Vec::new();
        for (number, port) in ports.iter().enumerate() {
            let cluster = format!(
                "cluster {{ name: test, listen: \"{}\", routes: [{routes}] }}",
                port.address()
            );
            let options = Nats::options(version).named(format!("n{number}")).line(&cluster);
            servers.push(Nats::try_start(options).await?);
        }
        Ok(Self {
            servers,
            _routes: ports,
        })
    }

    /// Addresses of all servers, as a client wants them.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Nats::url).collect()
    }

    /// The server of a name that the cluster gave it.
    ///
    /// # Panics
    /// When it has none of that name.
    pub fn server(&self, name: &str) -> &Nats {
        let number: usize = name.strip_prefix('n').and_then(|number| number.parse().ok()).unwrap();
        &self.servers[number]
    }
}
