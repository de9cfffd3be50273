//! One attached stream taken apart into the sandbox's output and its diagnostic output.
//!
//! No task sits in between: whoever reads either side drives the common stream and leaves the other side's bytes in its
//! buffer. Both buffers are bounded, by different rules: output waits for its reader, so a reader of the other side waits
//! too; diagnostics that nobody reads are dropped, because they must never hold the agent up.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use bollard::container::LogOutput;
use bollard::errors::Error;
use bytes::BytesMut;
use futures::Stream;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes kept of each side while its reader is away. An agent says little here; one burst of a verbose image fits.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;

type Attached = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Output,
    Diagnostics,
}

/// Reader of one side.
pub(super) struct SideReader {
    side: Side,
    common: Arc<Mutex<Common>>,
    wakers: Arc<Wakers>,
}

/// Splits an attached stream into output and diagnostics.
pub(super) fn split(attached: Attached) -> (SideReader, SideReader) {
    let wakers = Arc::new(Wakers::default());
    let common = Arc::new(Mutex::new(Common {
        attached: Some(attached),
        output: Some(Kept::default()),
        diagnostics: Some(Kept::default()),
    }));
    let reader = |side| SideReader {
        side,
        common: common.clone(),
        wakers: wakers.clone(),
    };
    (reader(Side::Output), reader(Side::Diagnostics))
}

/// The common stream wakes both readers: it does not know for whom the next bytes are.
#[derive(Default)]
struct Wakers {
    output: AtomicWaker,
    diagnostics: AtomicWaker,
}

impl Wakers {
    fn of(&self, side: Side) -> &AtomicWaker {
        match side {
            Side::Output => &self.output,
            Side::Diagnostics => &self.diagnostics,
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.output.wake();
        self.diagnostics.wake();
    }
}

struct Common {
    /// `None` once it has ended.
    attached: Option<Attached>,
    /// `None` once its reader is gone.
    output: Option<Kept>,
    /// `None` once its reader is gone.
    diagnostics: Option<Kept>,
}

/// Bytes waiting for their reader, in one piece: a side that says one byte at a time costs no more than its bytes.
#[derive(Default)]
struct Kept {
    bytes: BytesMut,
    dropped: usize,
}

impl Kept {
    /// Keeps the bytes if there is room. What was dropped is told before the next bytes that are kept.
    fn push_or_drop(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > BUFFER_BYTES_MAX {
            self.dropped += bytes.len();
            return;
        }
        self.tell_dropped();
        self.bytes.extend_from_slice(bytes);
    }

    fn tell_dropped(&mut self) {
        if self.dropped > 0 {
            let note = format!("\n[clawhold: {} bytes dropped here]\n", self.dropped);
            self.bytes.extend_from_slice(note.as_bytes());
            self.dropped = 0;
        }
    }

    fn take(&mut self, buf: &mut ReadBuf<'_>) {
        let portion = self.bytes.len().min(buf.remaining());
        buf.put_slice(&self.bytes.split_to(portion));
    }
}

impl Common {
    fn kept(&mut self, side: Side) -> &mut Option<Kept> {
        match side {
            Side::Output => &mut self.output,
            Side::Diagnostics => &mut self.diagnostics,
        }
    }

    fn output_is_full(&self) -> bool {
        self.output
            .as_ref()
            .is_some_and(|kept| kept.bytes.len() >= BUFFER_BYTES_MAX)
    }

    fn keep(&mut self, frame: LogOutput) {
        match frame {
            LogOutput::StdOut { message } => {
                if let Some(kept) = &mut self.output {
                    kept.bytes.extend_from_slice(&message);
                }
            }
            LogOutput::StdErr { message } => {
                if let Some(kept) = &mut self.diagnostics {
                    kept.push_or_drop(&message);
                }
            }
            // Without a terminal the engine frames everything, and never sends input back.
            LogOutput::StdIn { .. } | LogOutput::Console { .. } => {}
        }
    }

    /// Reads the common stream until this side has bytes. `Ready` with no bytes kept is the end.
    fn poll_fill(&mut self, side: Side, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.kept(side).as_ref().is_some_and(|kept| kept.bytes.is_empty()) {
            if self.output_is_full() {
                return Poll::Pending; // the reader of the output wakes us
            }
            let Some(attached) = &mut self.attached else { break };
            match attached.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(frame))) => self.keep(frame),
                Poll::Ready(Some(Err(error))) => {
                    self.end();
                    return Poll::Ready(Err(io::Error::other(error)));
                }
                Poll::Ready(None) => self.end(),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn end(&mut self) {
        self.attached = None;
        if let Some(kept) = &mut self.diagnostics {
            kept.tell_dropped();
        }
    }
}

impl AsyncRead for SideReader {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { side, common, wakers } = &*self;
        wakers.of(*side).register(context.waker());
        let both = Waker::from(wakers.clone());
        let mut common = common.lock().unwrap_or_else(PoisonError::into_inner);
        let was_ended = common.attached.is_none();
        let was_full = common.output_is_full();
        let filled = common.poll_fill(*side, &mut Context::from_waker(&both));
        if let (Poll::Ready(Ok(())), Some(kept)) = (&filled, common.kept(*side)) {
            kept.take(buf);
        }
        let other_may_go_on = (was_full && !common.output_is_full()) || (!was_ended && common.attached.is_none());
        let other_has_bytes = match side {
            Side::Output => &common.diagnostics,
            Side::Diagnostics => &common.output,
        }
        .as_ref()
        .is_some_and(|kept| !kept.bytes.is_empty());
        drop(common);
        if other_may_go_on || other_has_bytes {
            match side {
                Side::Output => wakers.diagnostics.wake(),
                Side::Diagnostics => wakers.output.wake(),
            }
        }
        filled
    }
}

impl Drop for SideReader {
    fn drop(&mut self) {
        *self
            .common
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .kept(self.side) = None;
        // A full output without a reader would hold the other side up for ever.
        self.wakers.output.wake();
        self.wakers.diagnostics.wake();
    }
}
