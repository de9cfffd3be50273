//! What a service hears of the world: its own links to the database and to the broker.

use servers::{Nats, Postgres, TcpFaults};

/// The links of one service.
pub struct Links {
    /// To the database.
    pub postgres: TcpFaults,
    /// To the broker.
    pub nats: TcpFaults,
}

impl Links {
    /// Links that are whole.
    pub async fn start(postgres: &Postgres, nats: &Nats) -> Self {
        Self {
            postgres: TcpFaults::start(postgres.addr()).await,
            nats: TcpFaults::start(nats.addr()).await,
        }
    }

    /// Makes both whole again.
    pub async fn heal(&self) {
        self.postgres.heal().await;
        self.nats.heal().await;
    }
}
