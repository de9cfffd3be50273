/**
 * Which tool uses the host's transcript already holds. An effect waits for its own line: otherwise a crash right after it
 * resumes a session that does not know it asked, and the agent does it again.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';

/** The SDK hands lines over about every 100 ms; after this long the effect goes ahead without its line. */
const WAIT_MAX_MS = 1_000;
/** Ids remembered. A tool is called right after its line, so only the newest are ever asked for. */
const REMEMBERED_MAX = 256;

export class ToolUses {
  readonly #stored = new Set<string>();
  readonly #waiting = new Map<string, () => void>();

  /** Called with entries the host has answered for. */
  record(entries: readonly SessionStoreEntry[]): void {
    for (const id of entries.flatMap(toolUseIds)) {
      this.#stored.add(id);
      this.#waiting.get(id)?.();
    }
    for (const oldest of this.#stored) {
      if (this.#stored.size <= REMEMBERED_MAX) break;
      this.#stored.delete(oldest);
    }
  }

  /** Resolves when the line of this tool use is stored, or after a bounded wait. */
  stored(id: string, waitMaxMs: number = WAIT_MAX_MS): Promise<void> {
    if (this.#stored.has(id)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, waitMaxMs);
      this.#waiting.set(id, done);
    });
  }
}

function toolUseIds(entry: SessionStoreEntry): string[] {
  const content = (entry['message'] as { content?: unknown } | undefined)?.content;
  if (entry.type !== 'assistant' || !Array.isArray(content)) return [];
  return content.flatMap((block: { type?: unknown; id?: unknown }) =>
    block.type === 'tool_use' && typeof block.id === 'string' ? [block.id] : [],
  );
}
