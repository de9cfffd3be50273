//! Token counts good enough for a stand-in: four bytes to a token, never zero.

use super::reply::{Reply, ReplyBlock, Usage};

/// English prose and JSON come to about this many bytes per token.
const BYTES_PER_TOKEN: usize = 4;

/// Estimates the tokens in `bytes` of text.
pub(crate) fn estimate(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN).max(1)).unwrap_or(u64::MAX)
}

/// Estimates what a reply to a request of `body_bytes` uses.
pub(crate) fn usage(body_bytes: usize, reply: &Reply) -> Usage {
    Usage {
        input_tokens: estimate(body_bytes),
        output_tokens: output(reply),
        ..Usage::default()
    }
}

/// Cuts a reply of text to `max_tokens`; says whether it did. A call of a tool is never cut: half a call is no use to a test.
pub(crate) fn cut_to(reply: &mut Reply, max_tokens: u64) -> bool {
    if reply.calls_a_tool() || output(reply) <= max_tokens {
        return false;
    }
    let mut left = usize::try_from(max_tokens)
        .unwrap_or(usize::MAX)
        .saturating_mul(BYTES_PER_TOKEN);
    for block in &mut reply.blocks {
        if let ReplyBlock::Text(text) = block {
            text.truncate(text.floor_char_boundary(left));
            left = left.saturating_sub(text.len());
        }
    }
    reply
        .blocks
        .retain(|block| !matches!(block, ReplyBlock::Text(text) if text.is_empty()));
    true
}

fn output(reply: &Reply) -> u64 {
    let bytes = reply.blocks.iter().map(|block| match block {
        ReplyBlock::Text(text) => text.len(),
        ReplyBlock::ToolUse { name, input } => name.len() + input.to_string().len(),
    });
    estimate(bytes.sum())
}
