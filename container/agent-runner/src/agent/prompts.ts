/**
 * The prompts handed to the SDK, as the endless stream of user messages it reads (AR-07), and the account of which of them
 * have been answered. Prompts are answered in the order they were handed over, so `consumed_through` is a prefix.
 */
import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { randomUUID } from 'node:crypto';
import type { Prompt } from '../ipc/messages.js';
import { contentOf, type Picture } from './pictures.js';

type Uuid = NonNullable<SDKUserMessage['uuid']>;

export interface HandedOver {
  readonly uuid: string;
  readonly through: number;
  readonly text: string;
  /** Script that decides whether the model is woken for it. */
  readonly check: string | null;
  /** Shown with the text. */
  readonly pictures: readonly Picture[];
}

/** The text for the model, or null when the prompt is dealt with and never reaches it. */
export type Decide = (prompt: HandedOver, script: string) => Promise<string | null>;

export class Prompts {
  /** Not answered yet, oldest first. */
  #open: HandedOver[] = [];
  #closing = false;
  #isTaken: (uuid: string) => boolean = () => false;
  #wake: () => void = () => {};
  #finish: () => void = () => {};
  readonly #workspace: string;

  /** `workspace` is where the paths of pictures begin. */
  constructor(workspace: string) {
    this.#workspace = workspace;
  }

  /** Resolves when the host has closed and everything handed over is answered. */
  readonly finished = new Promise<void>((resolve) => (this.#finish = resolve));

  push(prompt: Prompt): void {
    const { uuid, through, text, pictures = [] } = prompt;
    const check = prompt.check?.script ?? null;
    const fresh = this.#isTaken(uuid) ? randomUUID() : uuid;
    this.#open.push({ uuid: fresh, through, text, check, pictures });
    this.#wake();
  }

  /**
   * Gives prompts another uuid where the session being resumed already holds theirs (a turn repeated after a crash): the
   * SDK silently drops a user message whose uuid it has seen. Called before `stream`.
   */
  avoid(isTaken: (uuid: string) => boolean): void {
    this.#isTaken = isTaken;
    this.#open = this.#open.map((prompt) =>
      isTaken(prompt.uuid) ? { ...prompt, uuid: randomUUID() } : prompt,
    );
  }

  /** Ends the stream as soon as everything handed over is answered. */
  close(): void {
    this.#closing = true;
    this.#changed();
  }

  get isFinished(): boolean {
    return this.#closing && this.#open.length === 0;
  }

  /**
   * Records what a result answered and returns the largest `through` among it, or null when it answers nothing new.
   * A result may name only the last of many prompts merged into its turn; all before it were answered with it.
   */
  answered(uuids: readonly string[]): number | null {
    const last = this.#open.findLastIndex(({ uuid }) => uuids.includes(uuid));
    if (last < 0) return null;
    const done = this.#open.splice(0, last + 1);
    this.#changed();
    return Math.max(...done.map(({ through }) => through));
  }

  /**
   * A stream for one SDK session: first everything still open (a session may replace a failed one), then what comes.
   * A prompt with a check is decided about once, when its turn comes.
   */
  async *stream(decide: Decide): AsyncGenerator<SDKUserMessage, void, void> {
    const sent = new Set<string>();
    while (!this.isFinished) {
      const next = this.#open.find(({ uuid }) => !sent.has(uuid));
      if (next === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      if (next.check !== null) {
        this.#decided(next, await decide(next, next.check));
        continue;
      }
      sent.add(next.uuid);
      const content = await contentOf(next.text, next.pictures, this.#workspace);
      yield {
        type: 'user',
        message: { role: 'user', content },
        parent_tool_use_id: null,
        uuid: next.uuid as Uuid,
      };
    }
  }

  #decided(prompt: HandedOver, text: string | null): void {
    const others = this.#open.filter((open) => open !== prompt);
    this.#open =
      text === null
        ? others
        : this.#open.map((open) => (open === prompt ? { ...open, text, check: null } : open));
    this.#changed();
  }

  #changed(): void {
    this.#wake();
    if (this.isFinished) this.#finish();
  }
}
