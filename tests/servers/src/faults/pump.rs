//! One direction of a connection: bytes and the end of the stream, in order, each as late as the network makes it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::network::{Direction, Network};

/// Read at once.
const CHUNK_BYTES_MAX: usize = 16 * 1024;
/// Under way at once; with the chunk size a bound on memory per direction (1 MiB). A sender that is faster has to wait.
const CHUNKS_MAX: usize = 64;

struct Chunk {
    /// Empty: the end of the stream.
    bytes: Vec<u8>,
    read_at: Instant,
}

/// Moves bytes until one side closes (the other is told) or fails.
pub(super) async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    direction: Direction,
    network: watch::Receiver<Network>,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    tokio::try_join!(read(from, sender), write(receiver, to, direction, network)).map(drop)
}

async fn read(mut from: ReadHalf<'_>, chunks: mpsc::Sender<Chunk>) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; CHUNK_BYTES_MAX];
        let count = from.read(&mut bytes).await?;
        bytes.truncate(count);
        let read_at = Instant::now();
        // The writer failed, and says so.
        if chunks.send(Chunk { bytes, read_at }).await.is_err() || count == 0 {
            return Ok(());
        }
    }
}

async fn write(
    mut chunks: mpsc::Receiver<Chunk>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    mut network: watch::Receiver<Network>,
) -> io::Result<()> {
    while let Some(chunk) = chunks.recv().await {
        let delay = network.borrow().delay;
        tokio::time::sleep_until(chunk.read_at + delay).await;
        let passes = network.wait_for(|network| network.passes(direction)).await;
        passes.map_err(|_| io::ErrorKind::ConnectionAborted)?;
        if chunk.bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&chunk.bytes).await?;
    }
    Ok(())
}
