//! A TCP stream that can end with a reset instead of a farewell.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// The stream of one connection.
pub(crate) struct Wire {
    stream: TcpStream,
    link: Link,
}

/// What the layers above hold to break their connection.
#[derive(Clone, Default)]
pub(crate) struct Link {
    reset: Arc<AtomicBool>,
    broken: CancellationToken,
}

impl Link {
    /// Resets the connection. Never returns: the connection's task drops whoever waits here.
    pub(crate) async fn reset<Never>(&self) -> Never {
        self.reset.store(true, Ordering::Release);
        self.broken.cancel();
        std::future::pending().await
    }

    /// Ends when a layer above asks for a reset.
    pub(crate) async fn broken(&self) {
        self.broken.cancelled().await;
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, link: Link) -> Self {
        Self { stream, link }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.link.reset.load(Ordering::Acquire) {
            // With zero linger the kernel answers the close with RST and forgets what was not delivered yet.
            if let Err(error) = self.stream.set_zero_linger() {
                tracing::warn!(%error, "cannot reset a connection");
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
