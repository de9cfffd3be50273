//! From a dedup key to a `Nats-Msg-Id`.

/// Longest key that is sent as it is: headers are kept in memory for the whole window, each id for itself.
const PLAIN_BYTES_MAX: usize = 200;
/// Begins the id of a key that cannot be a header's value.
const HASHED: &str = "blake3:";

/// The id under which the stream knows this key. Keys are anything a platform sends; a header is one line of text. So
/// only keys that are plain, visible ASCII travel as they are, all others as their hash. Two keys never get one id.
pub(super) fn message_id(dedup_key: &str) -> String {
    let plain = !dedup_key.is_empty()
        && dedup_key.len() <= PLAIN_BYTES_MAX
        && !dedup_key.starts_with(HASHED)
        && dedup_key.bytes().all(|byte| byte.is_ascii_graphic());
    if plain {
        dedup_key.to_owned()
    } else {
        format!("{HASHED}{}", blake3::hash(dedup_key.as_bytes()).to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_key_is_its_own_id() {
        assert_eq!(message_id("tg:bot1:123/45"), "tg:bot1:123/45");
    }

    #[test]
    fn a_key_that_cannot_be_a_header_is_hashed() {
        let long = "k".repeat(PLAIN_BYTES_MAX + 1);
        for key in [
            "",
            "a b",
            "a\r\nNats-Rollup: all",
            "é",
            " a",
            "blake3:abc",
            long.as_str(),
        ] {
            let id = message_id(key);
            assert!(id.starts_with(HASHED) && id.len() == HASHED.len() + 64, "{key:?}: {id}");
        }
        assert_ne!(message_id("a b"), message_id("a  b"));
    }
}
