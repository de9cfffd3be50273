//! Turns a reply into what goes over the wire: server-sent events, or one JSON message.
//!
//! Source: <https://docs.claude.com/en/api/messages-streaming>. Keeps the order of events and the index of each block; does
//! not know about pace or faults.

use bytes::Bytes;
use serde_json::{Value, json};

use super::reply::{Reply, ReplyBlock, Usage};

/// Bytes of text or JSON in one delta. Small, so that even a short answer has several deltas to break between.
const DELTA_BYTES: usize = 24;

/// What the wire forms need besides the content: minted ids, the model's name and the counts.
pub(crate) struct Envelope {
    /// `msg_…`, unique per answer.
    pub(crate) message_id: String,
    /// One `toolu_…` per call of a tool, in order.
    pub(crate) tool_use_ids: Vec<String>,
    /// The model the request named.
    pub(crate) model: String,
    /// Why the model stopped: `end_turn`, `tool_use` or `max_tokens`.
    pub(crate) stop_reason: &'static str,
    /// Token counts.
    pub(crate) usage: Usage,
}

/// The events of a streamed answer, one frame each.
pub(crate) fn events(reply: &Reply, envelope: &Envelope) -> Vec<Bytes> {
    let mut frames = vec![
        event("message_start", &start(envelope)),
        event("ping", &json!({ "type": "ping" })),
    ];
    for (index, block) in content(reply, envelope).iter().enumerate() {
        block_events(index, block, &mut frames);
    }
    let delta = json!({
        "type": "message_delta",
        "delta": { "stop_reason": envelope.stop_reason, "stop_sequence": null },
        "usage": usage_json(envelope.usage, envelope.usage.output_tokens),
    });
    frames.push(event("message_delta", &delta));
    frames.push(event("message_stop", &json!({ "type": "message_stop" })));
    frames
}

/// The whole answer as one JSON message.
pub(crate) fn message(reply: &Reply, envelope: &Envelope) -> Value {
    let mut message = skeleton(envelope, envelope.usage.output_tokens);
    message["content"] = Value::Array(content(reply, envelope));
    message["stop_reason"] = json!(envelope.stop_reason);
    message
}

/// Cuts a body into frames, so that the same faults work without streaming.
pub(crate) fn pieces(body: &str) -> Vec<Bytes> {
    chunks(body)
        .into_iter()
        .map(|piece| Bytes::copy_from_slice(piece.as_bytes()))
        .collect()
}

/// One server-sent event.
pub(crate) fn event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn start(envelope: &Envelope) -> Value {
    // The real API has generated one token when it announces the message.
    json!({ "type": "message_start", "message": skeleton(envelope, 1) })
}

fn skeleton(envelope: &Envelope, output_tokens: u64) -> Value {
    json!({
        "id": envelope.message_id,
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage_json(envelope.usage, output_tokens),
    })
}

fn usage_json(usage: Usage, output_tokens: u64) -> Value {
    json!({
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

fn content(reply: &Reply, envelope: &Envelope) -> Vec<Value> {
    let mut ids = envelope.tool_use_ids.iter();
    let block_json = |block: &ReplyBlock| match block {
        ReplyBlock::Text(text) => json!({ "type": "text", "text": text }),
        ReplyBlock::ToolUse { name, input } => {
            let id = ids.next().expect("the envelope carries one id per call of a tool");
            json!({ "type": "tool_use", "id": id, "name": name, "input": input })
        }
    };
    reply.blocks.iter().map(block_json).collect()
}

fn block_events(index: usize, block: &Value, frames: &mut Vec<Bytes>) {
    let mut opening = block.clone();
    let deltas: Vec<Value> = match block["text"].as_str() {
        Some(text) => {
            opening["text"] = json!("");
            chunks(text)
                .into_iter()
                .map(|piece| json!({ "type": "text_delta", "text": piece }))
                .collect()
        }
        None => {
            opening["input"] = json!({});
            let input = block["input"].to_string();
            // The real API opens the input with an empty piece.
            std::iter::once("")
                .chain(chunks(&input))
                .map(|piece| json!({ "type": "input_json_delta", "partial_json": piece }))
                .collect()
        }
    };
    let started = json!({ "type": "content_block_start", "index": index, "content_block": opening });
    frames.push(event("content_block_start", &started));
    for delta in deltas {
        frames.push(event(
            "content_block_delta",
            &json!({ "type": "content_block_delta", "index": index, "delta": delta }),
        ));
    }
    frames.push(event(
        "content_block_stop",
        &json!({ "type": "content_block_stop", "index": index }),
    ));
}

fn chunks(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        // A delta always holds a whole character, so the loop moves on.
        let end = rest.ceil_char_boundary(DELTA_BYTES.min(rest.len()));
        let (piece, tail) = rest.split_at(end);
        pieces.push(piece);
        rest = tail;
    }
    pieces
}
