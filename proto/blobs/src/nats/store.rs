//! The adapter.

use std::ops::Range;

use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind, RawMessageErrorKind};
use async_nats::{Client, HeaderMap};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::bucket::{Bucket, says_gone};
use super::description::Description;
use super::subjects;
use crate::{BlobName, BlobStore, Error, Result};

/// Longest piece: half of what a server takes by default.
const PIECE_BYTES_MAX: usize = 512 * 1024;
/// Room in a message for its headers.
const HEADER_BYTES: usize = 4 * 1024;
/// Longest blob: its description names each piece and must fit in one message.
const BLOB_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Pieces under way at a time.
const PIECES_MAX: usize = 8;
/// Times a blob is looked up anew that was replaced while it was read.
const READS_MAX: usize = 3;

/// How the bucket is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name.
    pub bucket: String,
    /// Servers that keep a copy.
    pub replicas: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bucket: "clawhold-blobs".to_owned(),
            replicas: 1,
        }
    }
}

/// A bucket and what is in it.
pub struct NatsStore {
    context: Context,
    bucket: Bucket,
}

impl NatsStore {
    /// A store in a bucket of the server the client is connected to. Nothing is sent yet.
    pub fn new(client: Client, options: Options) -> Self {
        let context = async_nats::jetstream::new(client);
        Self {
            bucket: Bucket::new(context.clone(), options),
            context,
        }
    }

    /// Does something once more when the bucket turned out to be gone: it is made again for that.
    async fn again_if_gone<T, F: Future<Output = Result<T>>>(&self, attempt: impl Fn() -> F) -> Result<T> {
        let done = attempt().await;
        if !done.as_ref().is_err_and(says_gone) {
            return done;
        }
        self.bucket.forget().await;
        attempt().await
    }

    async fn put_whole(&self, name: &BlobName, content: &Bytes) -> Result<()> {
        let before = match self.describe(name).await {
            Ok(before) => Some(before),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let limit = self
            .context
            .client()
            .server_info()
            .max_payload
            .saturating_sub(HEADER_BYTES);
        let piece_bytes = PIECE_BYTES_MAX.min(limit.max(HEADER_BYTES));
        let sequences = self.put_pieces(name, content, piece_bytes).await?;
        let first = sequences.first().copied();
        let description = Description {
            bytes: content.len() as u64,
            piece_bytes: piece_bytes as u64,
            sequences,
        };
        let (bucket, mut headers) = (self.bucket.name(), HeaderMap::new());
        // The new description takes the place of the one before.
        headers.insert(async_nats::header::NATS_ROLLUP, "sub");
        let json = description.to_json(bucket, name).map_err(failed("describe", name))?;
        let subject = subjects::description(bucket, name);
        let ack = self.context.publish_with_headers(subject, headers, json.into()).await;
        ack.map_err(failed("write", name))?
            .await
            .map_err(failed("write", name))?;
        match before {
            Some(_) => self.purge(name, subjects::pieces(bucket, name), first).await,
            None => Ok(()),
        }
    }

    async fn put_pieces(&self, name: &BlobName, content: &Bytes, piece_bytes: usize) -> Result<Vec<u64>> {
        let subject = subjects::pieces(self.bucket.name(), name);
        // A blob of no bytes has one empty piece: by its pieces it is listed.
        let count = content.len().div_ceil(piece_bytes).max(1);
        let pieces = (0..count).map(|index| {
            let start = index * piece_bytes;
            let piece = content.slice(start..content.len().min(start + piece_bytes));
            let subject = subject.clone();
            async move {
                let ack = self
                    .context
                    .publish(subject, piece)
                    .await
                    .map_err(failed("write", name))?;
                Ok(ack.await.map_err(failed("write", name))?.sequence)
            }
        });
        stream::iter(pieces).buffered(PIECES_MAX).try_collect().await
    }

    /// The description of a blob. A copy of the stream that lags behind is not believed when it knows nothing.
    async fn describe(&self, name: &BlobName) -> Result<Description> {
        let (stream, subject) = (
            self.bucket.stream().await?,
            subjects::description(self.bucket.name(), name),
        );
        let payload = match stream.direct_get_last_for_subject(subject.as_str()).await {
            Ok(message) => message.payload,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {
                match stream.get_last_raw_message_by_subject(&subject).await {
                    Ok(message) => message.payload,
                    Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                        return Err(Error::NotFound(name.clone()));
                    }
                    Err(error) => return Err(failed("look up", name)(error)),
                }
            }
            Err(error) => return Err(failed("look up", name)(error)),
        };
        Description::parse(&payload).ok_or_else(|| Error::NotFound(name.clone()))
    }

    /// One piece; none when it is not there any more.
    async fn piece(&self, name: &BlobName, sequence: u64) -> Result<Option<Bytes>> {
        let stream = self.bucket.stream().await?;
        let message = match stream.direct_get(sequence).await {
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {
                match stream.get_raw_message(sequence).await {
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
                    other => other.map_err(failed("read", name))?,
                }
            }
            other => other.map_err(failed("read", name))?,
        };
        let ours = message.subject.as_str() == subjects::pieces(self.bucket.name(), name);
        Ok(ours.then_some(message.payload))
    }

    /// The bytes of a range; none when a piece vanished meanwhile.
    async fn read(&self, name: &BlobName, found: &Description, range: &Range<u64>) -> Result<Option<Bytes>> {
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let (first, last) = (range.start / found.piece_bytes, (range.end - 1) / found.piece_bytes);
        let wanted = (first..=last).filter_map(|index| found.sequences.get(usize::try_from(index).ok()?).copied());
        let pieces = wanted.map(|sequence| self.piece(name, sequence));
        let pieces: Vec<Option<Bytes>> = stream::iter(pieces).buffered(PIECES_MAX).try_collect().await?;
        let Some(pieces) = pieces.into_iter().collect::<Option<Vec<Bytes>>>() else {
            return Ok(None);
        };
        let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
        let start = usize::try_from(range.start - first * found.piece_bytes).unwrap_or(usize::MAX);
        let bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let end = start.saturating_add(bytes);
        Ok((end <= whole.len()).then(|| whole.freeze().slice(start..end)))
    }

    async fn purge(&self, name: &BlobName, subject: String, before: Option<u64>) -> Result<()> {
        let purge = self.bucket.stream().await?.purge().filter(subject);
        let purged = match before {
            Some(sequence) => purge.sequence(sequence).await,
            None => purge.await,
        };
        purged.map(|_| ()).map_err(failed("remove", name))
    }

    async fn find(&self, name: &BlobName, range: Option<Range<u64>>) -> Result<Bytes> {
        for _ in 0..READS_MAX {
            let found = self.describe(name).await?;
            let range = range.clone().unwrap_or(0..found.bytes);
            if range.end > found.bytes {
                let name = name.clone();
                return Err(Error::OutOfRange { name, range });
            }
            if let Some(content) = self.read(name, &found, &range).await? {
                return Ok(content);
            }
        }
        Err(failed("read", name)(
            "its pieces are gone, or it is replaced again and again",
        ))
    }

    async fn names(&self, prefix: &str) -> Result<Vec<BlobName>> {
        let bucket = self.bucket.name();
        let unlisted = |error| Error::unavailable(format!("list {prefix:?} in NATS"), error);
        let dir = prefix.rsplit_once('/').map_or("", |(dir, _)| dir);
        let below = subjects::pieces_below(bucket, dir);
        let listed = self.bucket.stream().await?.info_with_subjects(below).await;
        let mut listed = listed.map_err(unlisted)?;
        let mut names = Vec::new();
        while let Some((subject, _)) = listed.try_next().await.map_err(unlisted)? {
            names.extend(subjects::name(bucket, &subject).filter(|name| name.as_str().starts_with(prefix)));
        }
        Ok(names)
    }

    async fn remove(&self, name: &BlobName) -> Result<()> {
        let bucket = self.bucket.name();
        // The description first: a reader finds all or nothing. What a crash leaves are pieces, which a listing shows.
        self.purge(name, subjects::description(bucket, name), None).await?;
        self.purge(name, subjects::pieces(bucket, name), None).await
    }
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(doing: &str, name: &BlobName) -> impl FnOnce(E) -> Error {
    let doing = format!("{doing} {name} in NATS");
    move |error| Error::unavailable(doing, error)
}

#[async_trait]
impl BlobStore for NatsStore {
    async fn put(&self, name: &BlobName, content: Bytes) -> Result<()> {
        let bytes = content.len() as u64;
        if bytes > BLOB_BYTES_MAX {
            let (name, max) = (name.clone(), BLOB_BYTES_MAX);
            return Err(Error::TooLarge { name, bytes, max });
        }
        self.again_if_gone(|| self.put_whole(name, &content)).await
    }

    async fn get(&self, name: &BlobName) -> Result<Bytes> {
        self.again_if_gone(|| self.find(name, None)).await
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes> {
        self.again_if_gone(|| self.find(name, Some(range.clone()))).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>> {
        self.again_if_gone(|| self.names(prefix)).await
    }

    async fn delete(&self, name: &BlobName) -> Result<()> {
        self.again_if_gone(|| self.remove(name)).await
    }

    async fn identity(&self) -> Result<String> {
        self.again_if_gone(|| self.bucket.identity()).await
    }

    async fn check(&self) -> Result<()> {
        let probe = BlobName::parse("clawhold-check").expect("a constant that is a name");
        self.put(&probe, Bytes::from_static(b"clawhold")).await?;
        self.delete(&probe).await
    }
}
