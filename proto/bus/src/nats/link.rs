//! What the parts of the bus know of the connection: one value, written by the driver, watched by everybody else.

use std::sync::Arc;

use async_nats::Client;
use async_nats::jetstream::Context;
use tokio::sync::{Notify, watch};

use super::problem::Problem;
use super::stream::Stream;

/// The connection as it is now.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Tells one client from the next: subscriptions do not outlive theirs.
    pub(super) session: u64,
    /// Grows whenever hints may have been missed.
    pub(super) gaps: u64,
    /// The client, if there was a connection in this session.
    pub(super) client: Option<Client>,
    /// Why it cannot be used now.
    pub(super) connection: Result<(), Problem>,
    /// The stream, checked on this very connection.
    pub(super) stream: Result<Stream, Problem>,
}

/// The driver's end.
#[derive(Debug)]
pub(super) struct LinkWriter {
    link: watch::Sender<Link>,
    doubts: Arc<Notify>,
}

/// Everybody else's end. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct LinkReader {
    link: watch::Receiver<Link>,
    doubts: Arc<Notify>,
}

pub(super) fn link() -> (LinkWriter, LinkReader) {
    let (sender, receiver) = watch::channel(Link {
        session: 0,
        gaps: 0,
        client: None,
        connection: Err(Problem::Starting),
        stream: Err(Problem::Starting),
    });
    let doubts = Arc::new(Notify::new());
    let reader = LinkReader {
        link: receiver,
        doubts: Arc::clone(&doubts),
    };
    (LinkWriter { link: sender, doubts }, reader)
}

impl LinkWriter {
    /// A new session begins.
    pub(super) fn opened(&self, client: Client) {
        self.link.send_modify(|link| {
            link.session += 1;
            link.client = Some(client);
            link.connection = Ok(());
        });
    }

    /// The connection was made again.
    pub(super) fn reopened(&self) {
        self.link.send_modify(|link| {
            link.gaps += 1;
            link.connection = Ok(());
        });
    }

    /// Hints may have been missed.
    pub(super) fn gap(&self) {
        self.link.send_modify(|link| link.gaps += 1);
    }

    /// The connection cannot be used; the stream must be checked again afterwards.
    pub(super) fn down(&self, problem: &Problem) {
        self.link.send_modify(|link| {
            link.connection = Err(problem.clone());
            link.stream = Err(problem.clone());
        });
    }

    /// The session is over.
    pub(super) fn closed(&self, problem: &Problem) {
        self.down(problem);
        self.link.send_modify(|link| link.client = None);
    }

    /// The stream is as it must be.
    pub(super) fn stream_ready(&self, stream: Stream) {
        self.link.send_if_modified(|link| {
            let before = link.stream.as_ref().map(|before| before.takes_batches);
            let changed = before != Ok(stream.takes_batches);
            if changed {
                link.stream = Ok(stream);
            }
            changed
        });
    }

    /// The stream cannot be used.
    pub(super) fn stream_down(&self, problem: &Problem) {
        self.link.send_modify(|link| link.stream = Err(problem.clone()));
    }

    /// Returns when somebody doubts that the stream is there.
    pub(super) async fn doubted(&self) {
        self.doubts.notified().await;
    }
}

impl LinkReader {
    /// As it is now.
    pub(super) fn now(&self) -> Link {
        self.link.borrow().clone()
    }

    /// The client, if it is connected.
    pub(super) fn client(&self) -> Option<Client> {
        let link = self.link.borrow();
        link.connection.as_ref().ok().and_then(|()| link.client.clone())
    }

    /// JetStream, if the stream can be used.
    pub(super) fn stream(&self) -> Result<Context, Problem> {
        let link = self.link.borrow();
        link.stream
            .as_ref()
            .map(|stream| stream.jetstream.clone())
            .map_err(Problem::clone)
    }

    /// JetStream, if the stream takes atomic batches now.
    pub(super) fn for_batches(&self) -> Option<Context> {
        let link = self.link.borrow();
        let stream = link.stream.as_ref().ok()?;
        stream.takes_batches.then(|| stream.jetstream.clone())
    }

    /// Waits until the stream can be used.
    pub(super) async fn stream_ready(&mut self) -> Context {
        loop {
            if let Ok(link) = self.link.wait_for(|link| link.stream.is_ok()).await
                && let Ok(stream) = &link.stream
            {
                return stream.jetstream.clone();
            }
            // The driver is gone, and with it whoever could make it ready.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for any change.
    pub(super) async fn changed(&mut self) {
        if self.link.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says that the stream did not answer as one that is there.
    pub(super) fn doubt_stream(&self) {
        self.doubts.notify_one();
    }
}
