/** Cuts transcript entries into requests of bounded size, keeping their order. */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

/** Keeps requests small beside other traffic; an entry that is larger travels alone. */
const BATCH_BYTES_MAX = 1024 * 1024;

export function* batches(
  entries: readonly SessionStoreEntry[],
  bytesMax: number = BATCH_BYTES_MAX,
): Generator<SessionStoreEntry[]> {
  let batch: SessionStoreEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(JSON.stringify(entry));
    if (batch.length > 0 && bytes + size > bytesMax) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
