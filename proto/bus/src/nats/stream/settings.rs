//! The stream's settings (design §4.1).

use std::time::Duration;

use async_nats::jetstream::stream::{Config as Settings, DiscardPolicy, RetentionPolicy, StorageType};

use crate::nats::config::Config;
use crate::nats::subjects::Subjects;

/// Largest message, headers included: what NATS servers allow without being told otherwise.
pub(in crate::nats) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Messages of one group that may be in the stream, so that one group cannot fill it for all. Indexed ones count until they are
/// purged: the indexer does that long before they are this many.
const GROUP_MESSAGES_MAX: i64 = 10_000;
/// How long a message waits for the database to come back.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a retry is known as such by the stream. The database knows it for longer.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(3600);

/// What the stream must be like.
pub(super) fn settings(config: &Config, subjects: &Subjects) -> Settings {
    Settings {
        name: subjects.stream(),
        description: Some("Accepted messages on their way into the inboxes of their groups".to_owned()),
        subjects: vec![subjects.all_messages()],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // Full means that the platform is asked to send again; never that an accepted message goes.
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        max_messages_per_subject: GROUP_MESSAGES_MAX,
        max_messages: -1,
        max_bytes: config
            .max_bytes
            .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_age: AGE_MAX,
        max_message_size: MESSAGE_BYTES_MAX as i32,
        max_consumers: -1,
        duplicate_window: DUPLICATE_WINDOW,
        allow_direct: true,
        // Indexed messages are purged; nobody picks single ones out.
        deny_delete: true,
        deny_purge: false,
        num_replicas: config.replicas,
        ..Settings::default()
    }
}
