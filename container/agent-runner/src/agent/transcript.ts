/**
 * The host's copy of the session: every line goes there as the SDK writes it, and a session resumes from there. The host's
 * copy is the truth; a local file left by an earlier sandbox may hold lines of a turn that never happened.
 */
import type { SessionKey, SessionStore, SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Fatal, reasonOf } from '../fatal.js';
import { Refused, type Requests } from '../ipc/requests.js';
import { log } from '../log.js';
import { ToolUses } from './tool_uses.js';
import { batches } from './transcript_batches.js';
import { bounded } from './transcript_entry.js';

const Loaded = z.object({
  entries: z.array(z.looseObject({ type: z.string(), uuid: z.string().optional() })).nullable(),
});

export class Transcript implements SessionStore {
  readonly toolUses = new ToolUses();
  readonly #loaded = new Map<string, SessionStoreEntry[]>();
  /** Tail of the appends handed over so far; each waits for the one before, so the host sees them in order. */
  #tail: Promise<unknown> = Promise.resolve();
  #failure: Fatal | null = null;

  constructor(
    private readonly requests: Pick<Requests, 'ask'>,
    private readonly configDir: string,
  ) {}

  /** Fetches a session from the host before the SDK asks for it. False: the host does not have it, or cannot hand it over. */
  async fetch(sessionId: string): Promise<boolean> {
    let loaded: unknown;
    try {
      loaded = await this.requests.ask(randomUUID(), 'transcript_load', {
        session_id: sessionId,
        subpath: null,
      });
    } catch (error) {
      // It will not get smaller: insisting on it would end every later run of the group as well.
      if (!(error instanceof Refused && error.code === 'too_large')) throw error;
      log('the session is too large to be handed over');
      return false;
    }
    const answer = Loaded.safeParse(loaded);
    if (!answer.success) throw new Fatal('bad_input', 'transcript_load was answered in another shape');
    const { entries } = answer.data;
    if (entries === null || entries.length === 0) return false;
    this.#loaded.set(sessionId, entries as SessionStoreEntry[]);
    return true;
  }

  /** Whether a fetched session holds an entry with this uuid. */
  holds(uuid: string): boolean {
    return [...this.#loaded.values()].some((entries) => entries.some((entry) => entry.uuid === uuid));
  }

  /**
   * Puts the fetched session where the SDK keeps its own files and returns null, "never written". Handing the entries
   * over instead makes the SDK run in a throw-away configuration directory, without the group's skills, agents and
   * user memory.
   */
  async load(key: SessionKey): Promise<SessionStoreEntry[] | null> {
    const entries = this.#loaded.get(key.sessionId);
    if (entries === undefined || key.subpath !== undefined) return null;
    const dir = join(this.configDir, 'projects', key.projectKey);
    await mkdir(dir, { recursive: true });
    const file = join(dir, `${key.sessionId}.jsonl`);
    await writeFile(`${file}.tmp`, entries.map((entry) => JSON.stringify(entry) + '\n').join(''));
    await rename(`${file}.tmp`, file);
    return null;
  }

  /** What the session had cost when it was last left; the SDK counts on from there. */
  costOf(sessionId: string): number {
    const states = this.#loaded.get(sessionId)?.filter(({ type }) => type === 'cost-state') ?? [];
    const total = states.at(-1)?.['totalCostUSD'];
    return typeof total === 'number' ? total : 0;
  }

  append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    const append = this.#tail.then(() => this.#append(key, entries));
    this.#tail = append.catch((error: unknown) => {
      this.#failure ??= new Fatal('transcript', `transcript_append: ${reasonOf(error)}`);
    });
    return append;
  }

  /**
   * Resolves when everything appended so far is with the host. @throws Fatal `transcript` if the host does not have it: a
   * turn must not be committed over a hole, so the SDK's own retries, which it does not wait for, are not relied on.
   */
  async settled(): Promise<void> {
    await this.#tail;
    if (this.#failure !== null) throw this.#failure;
  }

  async #append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    for (const batch of batches(entries.map((entry) => bounded(entry)))) {
      await this.requests.ask(randomUUID(), 'transcript_append', {
        session_id: key.sessionId,
        subpath: key.subpath ?? null,
        entries: batch,
      });
      this.toolUses.record(batch);
    }
  }
}
