//! The body of an answer on its way to the agent: counted as it passes, ended by silence or by the gate.
//!
//! Nothing is held: the next piece is asked for when the agent's connection can take it, which is all the back-pressure.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio_util::sync::CancellationToken;

use super::error::{Body, BodyError};
use super::handle::Run;
use super::metrics::{Metrics, Outcome};
use super::upstream::describe;
use super::usage::UsageScanner;

/// Longest silence of a stream. The API pings more often than this.
const IDLE_TIME: Duration = Duration::from_secs(5 * 60);

struct Passing {
    upstream: BoxStream<'static, reqwest::Result<Bytes>>,
    pass: CancellationToken,
    idle: Duration,
    ended: bool,
    count: Count,
}

/// Adds what was counted to the run's totals when the body ends, in whatever way.
struct Count {
    scanner: UsageScanner,
    run: Arc<Run>,
    metrics: Metrics,
}

impl Drop for Count {
    fn drop(&mut self) {
        let usage = self.scanner.usage();
        self.metrics.usage(&usage);
        self.run.add(&usage);
    }
}

/// Wraps the body of an answer.
pub(super) fn pass_on(
    response: reqwest::Response,
    scanner: UsageScanner,
    run: Arc<Run>,
    metrics: Metrics,
    pass: CancellationToken,
) -> Body {
    let passing = Passing {
        upstream: response.bytes_stream().boxed(),
        pass,
        idle: IDLE_TIME,
        ended: false,
        count: Count { scanner, run, metrics },
    };
    let frames = stream::unfold(passing, |mut passing| async move {
        let piece = passing.next().await?;
        Some((piece.map(Frame::data), passing))
    });
    StreamBody::new(frames).boxed_unsync()
}

impl Passing {
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.ended {
            return None;
        }
        let piece = tokio::select! {
            biased;
            () = self.pass.cancelled() => {
                self.count.metrics.request(Outcome::Aborted);
                Err("the runner has lost its lease".into())
            }
            next = tokio::time::timeout(self.idle, self.upstream.next()) => match next {
                Ok(None) => return None,
                Ok(Some(Ok(bytes))) => Ok(bytes),
                Ok(Some(Err(error))) => Err(describe(error).into()),
                Err(_) => Err("the model API fell silent".into()),
            },
        };
        match &piece {
            Ok(bytes) => self.count.scanner.see(bytes),
            // An error ends the connection without a proper end of the body, so the agent cannot take it for the whole.
            Err(_) => self.ended = true,
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ProxyAddress, ProxyHandle, RunToken};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_api_ends_the_answer_as_broken_after_five_minutes() {
        let silent = reqwest::Body::wrap_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let response = reqwest::Response::from(http::Response::new(silent));
        let (_handle, run) = ProxyHandle::new(RunToken::mint().unwrap(), ProxyAddress::Socket);
        let pass = run.gate.enter().unwrap();
        let began = tokio::time::Instant::now();
        let mut body = pass_on(response, UsageScanner::Nothing, run, Metrics::default(), pass);
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the model API fell silent");
        assert!(began.elapsed() >= IDLE_TIME);
        assert!(body.frame().await.is_none());
    }
}
