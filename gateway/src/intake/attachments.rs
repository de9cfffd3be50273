//! Fetches the files of accepted messages from their platform and keeps them in the blob store, where the runner finds them.
//!
//! A file that cannot be had never costs the message: a line of the text says why it is missing. Only a blob store that is
//! away holds the message back, as a store of rows would. Names begin with the day, so that retention can remove old ones.

use std::sync::Arc;
use std::time::Duration;

use blobs::BlobName;
use bytes::Bytes;
use proto::inbound::{Envelope, FileKind, IncomingFile, ReceivedFile, picture_type, plain_name};
use proto::outbound::Attachment;
use proto::time::Clock;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::Transcriber;
use crate::channel::{Channel, FetchError};
use crate::files::{FileError, Files};

/// Largest file that is fetched: what Discord and Gmail let people send by default. Telegram's bots get 20 MB.
pub const FILE_BYTES_MAX: u64 = 25 * 1024 * 1024;
/// Files of one message that are fetched: the largest album of a platform. The rest is named.
const FILES_MAX: usize = 10;
/// Files fetched at once: each may be in memory whole.
const PARALLEL_MAX: usize = 4;
/// How long the files of one message are tried for.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the voice notes of one message are tried to be put into words for.
pub(super) const TRANSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);
/// Wait before a platform is asked again for a file that it did not give.
const RETRY: Duration = Duration::from_secs(1);

/// Where files of messages go.
pub struct Attachments {
    files: Files,
    clock: Arc<dyn Clock>,
    room: Semaphore,
    transcriber: Option<Transcriber>,
}

/// A file that was fetched.
struct Fetched {
    received: ReceivedFile,
    contents: Bytes,
}

impl Attachments {
    /// Into `files`.
    pub fn new(files: Files, clock: Arc<dyn Clock>) -> Self {
        Self {
            files,
            clock,
            room: Semaphore::new(PARALLEL_MAX),
            transcriber: None,
        }
    }

    /// The same, with words for voice notes.
    #[must_use]
    pub fn transcribing(self, transcriber: Option<Transcriber>) -> Self {
        Self { transcriber, ..self }
    }

    /// The message with its files, each named in the text (DC-05, TG-06, OP-03).
    ///
    /// # Errors
    /// When the blob store is away: the platform must send the message again.
    pub(super) async fn bring(
        &self,
        mut envelope: Envelope,
        files: &[IncomingFile],
        channel: &dyn Channel,
    ) -> Result<Envelope, FileError> {
        let deadline = self.clock.monotonic() + FETCH_TIMEOUT;
        let (mut lines, mut voices) = (Vec::new(), Vec::new());
        for (index, file) in files.iter().enumerate() {
            let brought = if index < FILES_MAX {
                let until = deadline.since(self.clock.monotonic());
                let one = self.bring_one(&envelope.dedup_key, index, file, channel);
                let late = || Ok(Err("it took too long".to_owned()));
                tokio::time::timeout(until, one).await.unwrap_or_else(|_| late())?
            } else {
                Err(format!("only the first {FILES_MAX} files of a message are"))
            };
            let line = match brought {
                Ok(Fetched { received, contents }) => {
                    let line = received.line();
                    if received.kind == FileKind::Voice && self.transcriber.is_some() {
                        voices.push((index, received.file.media_type.clone(), contents));
                    }
                    envelope.details.files.push(received);
                    line
                }
                Err(reason) => file.line_without(&reason),
            };
            lines.push(line);
        }
        if let Some(transcriber) = &self.transcriber {
            let deadline = self.clock.monotonic() + TRANSCRIBE_TIMEOUT;
            for (index, media_type, recording) in voices {
                let until = deadline.since(self.clock.monotonic());
                let words = transcriber.line(&media_type, recording, until).await;
                lines[index] = format!("{}\n{words}", lines[index]);
            }
        }
        lines.splice(0..0, Some(envelope.text).filter(|text| !text.is_empty()));
        envelope.text = lines.join("\n");
        Ok(envelope)
    }

    /// The file, or why it cannot be had.
    async fn bring_one(
        &self,
        dedup_key: &str,
        index: usize,
        file: &IncomingFile,
        channel: &dyn Channel,
    ) -> Result<Result<Fetched, String>, FileError> {
        if file.bytes.is_some_and(|bytes| bytes > FILE_BYTES_MAX) {
            return Ok(Err(too_large().to_string()));
        }
        let _room = self.room.acquire().await;
        let blob = self.blob_name(dedup_key, index);
        // An earlier try at this message had got it.
        let contents = match self.files.find(&blob).await? {
            Some(contents) => contents,
            None => match fetch(file, channel).await {
                Ok(contents) => contents,
                Err(reason) => return Ok(Err(reason)),
            },
        };
        let (kind, media_type) = checked_type(file, &contents);
        let received = ReceivedFile {
            kind,
            file: Attachment {
                name: plain_name(&file.name),
                media_type,
                bytes: contents.len() as u64,
                blob: blob.to_string(),
            },
        };
        if !self.files.keep(&blob, contents.clone()).await? {
            return Ok(Err("it is larger than the blob store takes".to_owned()));
        }
        Ok(Ok(Fetched { received, contents }))
    }

    /// The same for each try at the same message (of a day).
    fn blob_name(&self, dedup_key: &str, index: usize) -> BlobName {
        let digest = hex::encode(Sha256::digest(format!("{index}:{dedup_key}")));
        let day = self.clock.now().to_utc().format("%Y%m%d");
        BlobName::parse(&format!("attachments/{day}/{}", &digest[..32])).expect("digits and letters in three segments")
    }
}

/// Asks the platform until it gives the file or never will; the caller bounds the time.
async fn fetch(file: &IncomingFile, channel: &dyn Channel) -> Result<Bytes, String> {
    loop {
        match channel.fetch_file(&file.reference, FILE_BYTES_MAX).await {
            Ok(contents) if contents.len() as u64 > FILE_BYTES_MAX => return Err(too_large().to_string()),
            Ok(contents) => return Ok(contents),
            Err(FetchError::Unavailable(_)) => tokio::time::sleep(RETRY).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn too_large() -> FetchError {
    FetchError::TooLarge {
        bytes_max: FILE_BYTES_MAX,
    }
}

/// What a file is. A picture is one only if its bytes say so: what the model is shown as one must be one.
fn checked_type(file: &IncomingFile, contents: &[u8]) -> (FileKind, String) {
    match (file.kind, picture_type(contents)) {
        (FileKind::Image | FileKind::Document, Some(picture)) => (FileKind::Image, picture.to_owned()),
        (FileKind::Image, None) => (FileKind::Document, file.media_type.clone()),
        (kind, _) => (kind, file.media_type.clone()),
    }
}
