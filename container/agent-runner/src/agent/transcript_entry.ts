/**
 * Makes an oversized transcript entry small enough to travel. A document or image read by a tool can be larger than any
 * file the host takes; without this, one such read would end the session for good. The chain of entries stays whole and
 * the agent is told what is missing.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

/** Below what the host takes in one file, with room for the request around it. */
export const ENTRY_BYTES_MAX = 7 * 1024 * 1024;
/** What is left of a long text. */
const TEXT_CHARS_MAX = 64 * 1024;

/** Returns the entry itself if it is small enough. @throws Error if it is too large even without its payload. */
export function bounded(entry: SessionStoreEntry, bytesMax: number = ENTRY_BYTES_MAX): SessionStoreEntry {
  if (bytesOf(entry) <= bytesMax) return entry;
  const { toolUseResult: _, ...rest } = entry;
  const reduced = reduce(rest) as SessionStoreEntry;
  if (bytesOf(reduced) > bytesMax) throw new Error(`a transcript entry of type ${entry.type} is too large`);
  return reduced;
}

function bytesOf(entry: SessionStoreEntry): number {
  return Buffer.byteLength(JSON.stringify(entry));
}

function reduce(value: unknown): unknown {
  if (typeof value === 'string') {
    if (value.length <= TEXT_CHARS_MAX) return value;
    return `${value.slice(0, TEXT_CHARS_MAX)}\n[${value.length - TEXT_CHARS_MAX} more characters were not kept]`;
  }
  if (Array.isArray(value)) return value.map(reduce);
  if (typeof value !== 'object' || value === null) return value;
  const { type } = value as { type?: unknown };
  if ((type === 'image' || type === 'document') && 'source' in value) {
    return { type: 'text', text: `[${type} not kept: too large]` };
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reduce(inner)]));
}
