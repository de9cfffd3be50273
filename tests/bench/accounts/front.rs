//! A load balancer before the gateways: each connection goes to the first of them that listens.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(super) struct Front {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Front {
    pub(super) async fn start(gateways: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            serving: tokio::spawn(serve(listener, gateways)),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, gateways: Vec<SocketAddr>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, gateways.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, gateways: Vec<SocketAddr>) {
    for gateway in gateways {
        if let Ok(mut gateway) = TcpStream::connect(gateway).await {
            // Either side may end it as it likes.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut gateway).await;
            return;
        }
    }
}
