//! The listener and what a test can do to it.

use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::connection::carry;
use super::network::Network;
use crate::address::redirected;
use crate::port::Port;

/// A TCP proxy before a server. Each fault stays until [`TcpFaults::heal`].
#[derive(Debug)]
pub struct TcpFaults {
    port: Port,
    server: SocketAddr,
    network: watch::Sender<Network>,
    connections: Connections,
    /// `None` while the network is cut.
    listener: Mutex<Option<JoinHandle<()>>>,
}

type Connections = Arc<Mutex<JoinSet<()>>>;

impl TcpFaults {
    /// Starts a proxy that lets everything pass to `server`.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(server: SocketAddr) -> Self {
        let faults = Self {
            port: Port::reserve().unwrap(),
            server,
            network: watch::Sender::default(),
            connections: Connections::default(),
            listener: Mutex::default(),
        };
        faults.listen().await.unwrap();
        faults
    }

    /// Where clients dial.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// The way to the server through here.
    pub fn through(&self, url: &str) -> String {
        redirected(url, self.addr())
    }

    /// Connections are reset and new ones refused.
    pub async fn cut(&self) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            listener.abort();
            // It is over when its socket is closed.
            let _ = listener.await;
        }
        self.reset_all().await;
    }

    /// Connections stay and new ones are accepted, and no byte passes. What was sent arrives when the network heals, as TCP's
    /// retransmissions would.
    pub fn blackhole(&self) {
        self.network.send_modify(|network| {
            network.requests_held = true;
            network.answers_held = true;
        });
    }

    /// The server gets what clients send, and they do not get its answers: they cannot know what it did.
    pub fn hold_answers(&self) {
        self.network.send_modify(|network| network.answers_held = true);
    }

    /// The server loses the connections there are, and their clients are not told until the network heals. New ones pass.
    pub fn half_open(&self) {
        self.network.send_modify(|network| network.forgotten += 1);
    }

    /// From now on every byte is this late, in either direction; zero ends it. What is under way keeps its order.
    pub fn delay(&self, delay: Duration) {
        self.network.send_modify(|network| network.delay = delay);
    }

    /// Connections are reset, once; new ones pass.
    pub async fn reset_all(&self) {
        let mut connections = mem::take(&mut *self.connections.lock().unwrap_or_else(PoisonError::into_inner));
        connections.shutdown().await;
    }

    /// Everything passes again, without delay.
    ///
    /// # Panics
    /// When somebody else took the port of a cut network.
    pub async fn heal(&self) {
        self.network.send_modify(|network| {
            *network = Network {
                forgotten: network.forgotten,
                healed: network.healed + 1,
                ..Network::default()
            };
        });
        self.listen().await.unwrap();
    }

    async fn listen(&self) -> Result<()> {
        if self.listener.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind(self.addr()).await.context("listen for the proxy")?;
        let accept = accept(
            listener,
            self.server,
            self.network.subscribe(),
            self.connections.clone(),
        );
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::spawn(accept));
        Ok(())
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    network: watch::Receiver<Network>,
    connections: Connections,
) {
    loop {
        // A client that has gone already is no matter.
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
        while connections.try_join_next().is_some() {}
        connections.spawn(carry(client, server, network.clone()));
    }
}

impl Drop for TcpFaults {
    fn drop(&mut self) {
        // The connections end with the set that holds them, once the listener has let go of it.
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
            listener.abort();
        }
    }
}
