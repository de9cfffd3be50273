//! Makes the stream, or checks the one that is there.

use async_nats::Client;
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind, UpdateStreamError};
use async_nats::jetstream::stream::{Config as Settings, Info};
use async_nats::jetstream::{Context, ErrorCode};

use super::compare::{adjustable, differences};
use super::settings::settings;
use crate::nats::config::Config;
use crate::nats::connect::{chain, servers};
use crate::nats::problem::Problem;
use crate::nats::subjects::Subjects;

/// Oldest server whose JetStream does what is asked of it: `sync_interval: always`, and consumers with several subjects.
pub(in crate::nats) const OLDEST_SERVER: &str = "2.10";

/// First server whose atomic batches know what they have under the same id.
const BATCHES_SINCE: [u32; 3] = [2, 12, 1];

/// A stream that is as asked.
#[derive(Clone, Debug)]
pub(in crate::nats) struct Stream {
    /// JetStream on the connection on which it was checked.
    pub(in crate::nats) jetstream: Context,
    /// It takes many messages in one atomic batch.
    pub(in crate::nats) takes_batches: bool,
}

/// Brings the stream about, and proves that it is as asked.
pub(in crate::nats) async fn ensure(
    client: &Client,
    jetstream: &Context,
    config: &Config,
    subjects: &Subjects,
) -> Result<Stream, Problem> {
    let info = client.server_info();
    if is_before(&info.version, [2, 10, 0]) {
        return Err(Problem::TooOld { version: info.version });
    }
    let mut must_be = settings(config, subjects);
    must_be.allow_atomic_publish = !is_before(&info.version, BATCHES_SINCE);
    let is = get_or_create(jetstream, &must_be, config).await?;
    let found = differences(&is.config, &must_be);
    if !adjustable(&found) {
        return Err(Problem::Stream {
            stream: must_be.name,
            differences: found,
        });
    }
    let lacks_batches = must_be.allow_atomic_publish && !is.config.allow_atomic_publish;
    let now = match found.is_empty() && !lacks_batches {
        true => is.config,
        false => adjust(jetstream, is, &must_be).await?,
    };
    Ok(Stream {
        jetstream: jetstream.clone(),
        takes_batches: must_be.allow_atomic_publish && now.allow_atomic_publish,
    })
}

/// Replicas and size follow the configuration, batches what the server can; all else stays as the operator had it.
async fn adjust(jetstream: &Context, is: Info, must_be: &Settings) -> Result<Settings, Problem> {
    let mut wanted = is.config;
    wanted.num_replicas = must_be.num_replicas;
    wanted.max_bytes = must_be.max_bytes;
    wanted.allow_atomic_publish |= must_be.allow_atomic_publish;
    let updated = jetstream
        .update_stream(&wanted)
        .await
        .map_err(|error: UpdateStreamError| failed("change the size or the copies of its stream", &error))?;
    let left = differences(&updated.config, must_be);
    if !left.is_empty() {
        return Err(Problem::Stream {
            stream: must_be.name.clone(),
            differences: left,
        });
    }
    tracing::info!(
        stream = must_be.name,
        replicas = must_be.num_replicas,
        max_bytes = must_be.max_bytes,
        batches = updated.config.allow_atomic_publish,
        "the stream of accepted messages was adjusted"
    );
    Ok(updated.config)
}

async fn get_or_create(jetstream: &Context, must_be: &Settings, config: &Config) -> Result<Info, Problem> {
    let found = jetstream.get_stream(&must_be.name).await;
    match found {
        Ok(stream) => Ok(stream.cached_info().clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(cause) if cause.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                create(jetstream, must_be, config).await
            }
            GetStreamErrorKind::JetStream(cause) => Err(refused(cause.error_code(), &error, config)),
            _ if chain(&error).contains("no responders") => Err(no_jetstream(config)),
            _ => Err(failed("look its stream up", &error)),
        },
    }
}

async fn create(jetstream: &Context, must_be: &Settings, config: &Config) -> Result<Info, Problem> {
    match jetstream.create_stream(must_be).await {
        Ok(stream) => {
            tracing::info!(stream = must_be.name, "the stream of accepted messages was made");
            Ok(stream.cached_info().clone())
        }
        Err(error) => match error.kind() {
            CreateStreamErrorKind::JetStreamUnavailable => Err(no_jetstream(config)),
            CreateStreamErrorKind::JetStream(cause) => Err(refused(cause.error_code(), &error, config)),
            _ => Err(failed("make its stream", &error as &CreateStreamError)),
        },
    }
}

fn refused(code: ErrorCode, error: &dyn std::error::Error, config: &Config) -> Problem {
    match code {
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => no_jetstream(config),
        ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS => Problem::JetStream {
            what: "keep that many copies of its stream",
            cause: format!(
                "{}; nats.replicas is {}, and needs as many servers in the cluster",
                chain(error),
                config.replicas
            ),
        },
        ErrorCode::STREAM_MAX_BYTES_REQUIRED => Problem::JetStream {
            what: "make its stream",
            cause: "the account demands a limit: set nats.max_mb".to_owned(),
        },
        ErrorCode::STREAM_SUBJECT_OVERLAP => Problem::JetStream {
            what: "make its stream",
            cause: format!(
                "another stream takes the subjects {}.in.>: remove it, or choose another nats.prefix",
                config.prefix
            ),
        },
        _ => failed("make its stream", error),
    }
}

fn no_jetstream(config: &Config) -> Problem {
    Problem::NoJetStream {
        servers: servers(config),
    }
}

fn failed(what: &'static str, error: &dyn std::error::Error) -> Problem {
    Problem::JetStream {
        what,
        cause: chain(error),
    }
}

/// A version that cannot be read is one of the future.
fn is_before(version: &str, first: [u32; 3]) -> bool {
    let mut parts: Vec<u32> = version.split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    let is_read = parts.len() >= 2;
    parts.resize(3, 0);
    is_read && parts[..] < first[..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_2_10_are_too_old() {
        for (version, old) in [
            ("2.9.10", true),
            ("2.9", true),
            ("2.10", false),
            ("1.4.1", true),
            ("2.10.0", false),
            ("2.15.1", false),
            ("3.0.0-beta", false),
        ] {
            assert_eq!(is_before(version, [2, 10, 0]), old, "{version}");
        }
        assert!(is_before("2.12.0", BATCHES_SINCE) && !is_before("2.12.1-RC.2", BATCHES_SINCE));
        let problem = Problem::TooOld {
            version: "2.9.10".into(),
        };
        assert_eq!(
            problem.to_string(),
            "NATS server 2.9.10 is too old: 2.10 or newer is needed, 2.15 is what compose ships"
        );
    }
}
