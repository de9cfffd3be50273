/**
 * Live progress for whoever watches: text as it is written, names of tools as they start. Best effort: merged, bounded, and
 * held back while the host has not taken the previous piece.
 */
import type { SDKPartialAssistantMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Outbox } from '../ipc/outbox.js';

/** At most 20 files a second. */
const INTERVAL_MS = 50;
/** Text kept while the host is slow; beyond it the oldest is dropped, the result carries everything anyway. */
const PENDING_CHARS_MAX = 64 * 1024;

export class Progress {
  #pending = '';
  #timer: NodeJS.Timeout | undefined;
  #sent: bigint | null = null;

  constructor(private readonly outbox: Pick<Outbox, 'send' | 'isWaiting'>) {}

  /** Sub-agents are silent here: their text is not the answer. */
  observe(message: SDKPartialAssistantMessage): void {
    if (message.parent_tool_use_id !== null) return;
    const { event } = message;
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
      this.#pending = (this.#pending + event.delta.text).slice(-PENDING_CHARS_MAX);
      this.#timer ??= setTimeout(() => this.#tick(), INTERVAL_MS);
    } else if (event.type === 'content_block_start' && event.content_block.type === 'tool_use') {
      this.flush();
      this.#sent = this.outbox.send({ type: 'progress', kind: 'tool', text: event.content_block.name });
    }
  }

  /** Sends what is pending now; called before a result so that progress never follows it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    this.#sent = this.outbox.send({ type: 'progress', kind: 'text', text });
  }

  #tick(): void {
    if (this.#sent !== null && this.outbox.isWaiting(this.#sent)) {
      this.#timer = setTimeout(() => this.#tick(), INTERVAL_MS);
    } else {
      this.flush();
    }
  }
}
