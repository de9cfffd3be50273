//! The two legs of one connection.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::network::{Direction, Network};
use super::pump::pump;

/// A leg that is dropped before its stream has ended is reset: its peer must not take a fault for an orderly end.
struct Leg {
    stream: TcpStream,
    ended: bool,
}

impl Leg {
    fn new(stream: TcpStream) -> Self {
        // Latency is what the test asks for, not what the kernel adds.
        let _ = stream.set_nodelay(true);
        Self { stream, ended: false }
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// Carries one client's connection until it ends.
pub(super) async fn carry(client: TcpStream, server: SocketAddr, mut network: watch::Receiver<Network>) {
    let mut client = Leg::new(client);
    let seen = *network.borrow_and_update();
    // A network that holds bytes back holds back the greeting too.
    let passes = |network: &Network| network.passes(Direction::ToServer) && network.passes(Direction::ToClient);
    if network.wait_for(passes).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let mut server = Leg::new(server);
    tokio::select! {
        done = both_ways(&mut client.stream, &mut server.stream, &network) => {
            client.ended = done.is_ok();
            server.ended = done.is_ok();
        }
        _ = forgotten_since(seen.forgotten, network.clone()) => {
            drop(server);
            // The client is told by the first answer that reaches it: after the network has healed.
            let healed = network.borrow().healed;
            let _ = network.wait_for(|network| network.healed != healed).await;
        }
    }
}

async fn both_ways(
    client: &mut TcpStream,
    server: &mut TcpStream,
    network: &watch::Receiver<Network>,
) -> io::Result<()> {
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let requests = pump(client_reads, server_writes, Direction::ToServer, network.clone());
    let answers = pump(server_reads, client_writes, Direction::ToClient, network.clone());
    tokio::try_join!(requests, answers).map(drop)
}

async fn forgotten_since(seen: u64, mut network: watch::Receiver<Network>) {
    // The proxy is gone: its connections are aborted anyway.
    let _ = network.wait_for(|network| network.forgotten != seen).await;
}
