//! Finds the token counts in an answer while it passes, without holding it up.

use proto::turn::Usage;
use serde::Deserialize;

/// Longest event looked at. Those that carry usage are a few hundred bytes; longer ones carry content.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Longest answer without streaming that is looked at; a longer one passes uncounted.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const NEEDLE: &[u8] = b"\"usage\"";

/// Counts the tokens of one answer.
#[derive(Debug)]
pub(super) enum UsageScanner {
    /// A stream of events, looked at line by line.
    Events {
        line: Vec<u8>,
        too_long: bool,
        usage: Usage,
    },
    /// One JSON object, looked at when it is complete.
    Answer { body: Vec<u8>, too_long: bool },
    /// Nothing to count.
    Nothing,
}

#[derive(Deserialize)]
struct Event {
    usage: Option<Counts>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl UsageScanner {
    /// A scanner for answers of this type.
    pub(super) fn of(content_type: &str) -> Self {
        if content_type.starts_with("text/event-stream") {
            Self::Events {
                line: Vec::new(),
                too_long: false,
                usage: Usage::default(),
            }
        } else if content_type.starts_with("application/json") {
            Self::Answer {
                body: Vec::new(),
                too_long: false,
            }
        } else {
            Self::Nothing
        }
    }

    /// Looks at the next piece.
    pub(super) fn see(&mut self, mut bytes: &[u8]) {
        match self {
            Self::Nothing => {}
            Self::Answer { body, too_long } => keep(body, too_long, bytes, ANSWER_BYTES_MAX),
            Self::Events { line, too_long, usage } => {
                while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                    keep(line, too_long, &bytes[..end], LINE_BYTES_MAX);
                    if !*too_long {
                        see_line(line, usage);
                    }
                    line.clear();
                    *too_long = false;
                    bytes = &bytes[end + 1..];
                }
                keep(line, too_long, bytes, LINE_BYTES_MAX);
            }
        }
    }

    /// What was counted so far; a stream that broke off counts as far as it came.
    pub(super) fn usage(&self) -> Usage {
        match self {
            Self::Events { usage, .. } => *usage,
            Self::Answer { body, too_long: false } => {
                let mut usage = Usage::default();
                if let Ok(Event {
                    usage: Some(counts), ..
                }) = serde_json::from_slice(body)
                {
                    counts.add_to(&mut usage);
                }
                usage
            }
            Self::Answer { .. } | Self::Nothing => Usage::default(),
        }
    }
}

impl Counts {
    /// Later events repeat a count with its newest value, so it replaces and does not add.
    fn add_to(self, usage: &mut Usage) {
        let set = |slot: &mut u64, value: Option<u64>| *slot = value.unwrap_or(*slot);
        set(&mut usage.input_tokens, self.input_tokens);
        set(&mut usage.output_tokens, self.output_tokens);
        set(&mut usage.cache_creation_input_tokens, self.cache_creation_input_tokens);
        set(&mut usage.cache_read_input_tokens, self.cache_read_input_tokens);
    }
}

fn see_line(line: &[u8], usage: &mut Usage) {
    let Some(data) = line.strip_prefix(b"data:") else {
        return;
    };
    // Cheap first: most events carry text only.
    if !data.windows(NEEDLE.len()).any(|window| window == NEEDLE) {
        return;
    }
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        return;
    };
    for counts in [event.message.and_then(|message| message.usage), event.usage]
        .into_iter()
        .flatten()
    {
        counts.add_to(usage);
    }
}

fn keep(held: &mut Vec<u8>, too_long: &mut bool, bytes: &[u8], limit: usize) {
    if *too_long || held.len() + bytes.len() > limit {
        *too_long = true;
        held.clear();
    } else {
        held.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        "event: message_start\r\n",
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"output_tokens\":1,",
        "\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":null}}}\r\n\r\n",
        "event: content_block_delta\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"usage\\\": {\\\"output_tokens\\\": 99}\"}}\n\n",
        "event: message_delta\n",
        "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":25}}\n\n",
    );

    #[test]
    fn a_stream_is_counted_however_it_is_cut() {
        let whole = Usage {
            input_tokens: 10,
            output_tokens: 25,
            cache_read_input_tokens: 3,
            ..Usage::default()
        };
        for size in [1, 7, 50, 10_000] {
            let mut scanner = UsageScanner::of("text/event-stream; charset=utf-8");
            STREAM.as_bytes().chunks(size).for_each(|chunk| scanner.see(chunk));
            assert_eq!(scanner.usage(), whole, "pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_passed_over_and_not_held() {
        let mut scanner = UsageScanner::of("text/event-stream");
        scanner.see(b"data: ");
        (0..1_000).for_each(|_| scanner.see(&[b'x'; 1_000]));
        scanner.see(b"\ndata: {\"usage\":{\"output_tokens\":4}}\n");
        assert_eq!(scanner.usage().output_tokens, 4);
        let UsageScanner::Events { line, .. } = scanner else {
            panic!()
        };
        assert!(line.capacity() <= 2 * LINE_BYTES_MAX);
    }

    #[test]
    fn an_answer_without_streaming_is_counted() {
        let mut scanner = UsageScanner::of("application/json");
        scanner.see(b"{\"type\":\"message\",\"usage\":{\"input_tokens\":4,");
        scanner.see(b"\"output_tokens\":2}}");
        assert_eq!((scanner.usage().input_tokens, scanner.usage().output_tokens), (4, 2));
    }
}
