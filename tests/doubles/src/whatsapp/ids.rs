//! Ids of messages, built as WhatsApp builds them: the number and a random part, encoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The business.
    Out,
    /// A person.
    In,
}

/// The id of message `count`, to or from this number.
pub(super) fn message_id(number: &str, direction: Direction, count: u64) -> String {
    let mut bytes = vec![0x1c, 0x18, u8::try_from(number.len()).unwrap_or(u8::MAX)];
    bytes.extend(number.bytes());
    let (marker, random) = match direction {
        Direction::Out => (0x11, format!("{count:018X}")),
        Direction::In => (0x12, format!("3A{count:018X}")),
    };
    bytes.extend([
        0x15,
        0x02,
        0x00,
        marker,
        0x18,
        u8::try_from(random.len()).unwrap_or(u8::MAX),
    ]);
    bytes.extend(random.bytes());
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}
