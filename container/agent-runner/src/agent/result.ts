/**
 * From the SDK's result to ours. Errors stay errors (AR-D1): a subtype is passed on as it is, and a "success" whose text is
 * an API error is flagged, so that the host retries instead of posting it.
 */
import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Result, Usage } from '../ipc/messages.js';
import type { Verdict } from './check.js';

/** @param costBefore the session's running cost at the previous result; the SDK reports totals, the host wants parts. */
export function toResult(
  message: SDKResultMessage,
  consumedThrough: number | null,
  costBefore: number,
): Result {
  const text = message.subtype === 'success' ? message.result || null : null;
  return {
    type: 'result',
    subtype: message.subtype,
    is_error: message.is_error || message.subtype !== 'success',
    text,
    consumed_through: consumedThrough,
    session_id: message.session_id,
    num_turns: message.num_turns,
    duration_ms: Math.round(message.duration_ms),
    cost_usd: costOf(message, costBefore),
    usage: usageOf(message.usage),
    error: errorOf(message),
  };
}

/** The result of a prompt that never reached the model, because its check said so or failed. */
export function ofCheck(
  verdict: Exclude<Verdict, { kind: 'wake' }>,
  through: number,
  sessionId: string | null,
  durationMs: number,
): Result {
  const failed = verdict.kind === 'failed';
  return {
    type: 'result',
    subtype: failed ? 'error_check' : 'not_woken',
    is_error: failed,
    text: null,
    consumed_through: failed ? null : through,
    session_id: sessionId,
    num_turns: 0,
    duration_ms: Math.round(durationMs),
    cost_usd: 0,
    usage: usageOf(undefined),
    error: failed ? verdict.reason : null,
  };
}

/** Uuids of the prompts this result answers; empty for a spontaneous one. */
export function answeredUuids(message: SDKResultMessage): string[] {
  const named = message.user_message_uuids ?? [];
  return message.user_message_uuid === undefined ? named : [...named, message.user_message_uuid];
}

function costOf(message: SDKResultMessage, before: number): number | null {
  const total: number | undefined = message.total_cost_usd;
  return total === undefined ? null : Math.max(0, total - before);
}

function errorOf(message: SDKResultMessage): string | null {
  if (message.subtype !== 'success') return message.errors.join('\n') || message.subtype;
  if (!message.is_error) return null;
  const status = message.api_error_status;
  const said = message.result || 'the model API failed';
  return status == null || said.includes(String(status)) ? said : `HTTP ${status}: ${said}`;
}

function usageOf(usage: Partial<SDKResultMessage['usage']> | undefined): Usage {
  return {
    input_tokens: usage?.input_tokens ?? 0,
    output_tokens: usage?.output_tokens ?? 0,
    cache_creation_input_tokens: usage?.cache_creation_input_tokens ?? 0,
    cache_read_input_tokens: usage?.cache_read_input_tokens ?? 0,
  };
}
