/**
 * One sandbox's conversation with the model: the SDK's messages in, ours out, until the host closes. A session that cannot
 * be resumed is dropped once and replaced by a fresh one (AR-D2); any other end before `close` is fatal.
 */
import { query, type SDKMessage, type SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fatal, reasonOf } from '../fatal.js';
import type { Outbox } from '../ipc/outbox.js';
import { log } from '../log.js';
import { runCheck, withData } from './check.js';
import { sessionOptions, type SessionParts } from './options.js';
import { Progress } from './progress.js';
import type { HandedOver, Prompts } from './prompts.js';
import { answeredUuids, ofCheck, toResult } from './result.js';

/** How long the SDK's child may take to leave once its input has ended. */
const LEAVE_MS = 1_000;

class ResumeFailed extends Error {}

export class Conversation {
  readonly #progress: Progress;
  #sessionId: string | null = null;
  /** Running cost at the last result: the SDK reports totals of the whole session. */
  #costBefore = 0;
  #hasReplied = false;

  constructor(
    private readonly parts: SessionParts,
    private readonly prompts: Prompts,
    private readonly outbox: Pick<Outbox, 'send' | 'isWaiting'>,
  ) {
    this.#progress = new Progress(outbox);
  }

  /** @throws Fatal */
  async run(): Promise<void> {
    const wanted = this.parts.start.session_id;
    const known = wanted !== null && (await this.#fetch(wanted));
    this.prompts.avoid((uuid) => this.parts.transcript.holds(uuid));
    if (!known) return this.#session(null, wanted);
    try {
      await this.#session(wanted, null);
    } catch (error) {
      if (!(error instanceof ResumeFailed)) throw error;
      log('the session cannot be resumed; starting a fresh one');
      await this.#session(null, wanted);
    }
  }

  async #fetch(sessionId: string): Promise<boolean> {
    try {
      return await this.parts.transcript.fetch(sessionId);
    } catch (error) {
      throw error instanceof Fatal ? error : new Fatal('host', `transcript_load: ${reasonOf(error)}`);
    }
  }

  async #session(resume: string | null, stale: string | null): Promise<void> {
    this.#costBefore = resume === null ? 0 : this.parts.transcript.costOf(resume);
    const session = query({
      prompt: this.prompts.stream(this.#decide),
      options: sessionOptions(this.parts, resume),
    });
    try {
      await Promise.race([this.#listen(session, resume, stale), this.#overdue()]);
    } catch (error) {
      if (error instanceof Fatal || error instanceof ResumeFailed) throw error;
      if (resume !== null && this.#isResumeFailure(reasonOf(error))) throw new ResumeFailed();
      if (!this.prompts.isFinished) throw new Fatal('sdk', reasonOf(error));
    } finally {
      session.close();
    }
    if (!this.prompts.isFinished) throw new Fatal('sdk', 'the agent ended before it was told to');
    // What comes after the last answer (running totals, titles) is not worth failing a clean end for.
    await this.parts.transcript.settled().catch((error: unknown) => log(reasonOf(error)));
  }

  async #listen(
    session: AsyncIterable<SDKMessage>,
    resume: string | null,
    stale: string | null,
  ): Promise<void> {
    for await (const message of session) await this.#handle(message, resume, stale);
  }

  /** The end of the stream lets the child leave by itself; one held up by work in its background is not waited for. */
  async #overdue(): Promise<void> {
    await this.prompts.finished;
    await sleep(LEAVE_MS);
  }

  async #handle(message: SDKMessage, resume: string | null, stale: string | null): Promise<void> {
    switch (message.type) {
      case 'system':
        if (message.subtype === 'init') this.#announce(message.session_id, stale);
        if (message.subtype === 'mirror_error' && !this.prompts.isFinished) {
          throw new Fatal('transcript', message.error);
        }
        return;
      case 'stream_event':
        this.#hasReplied = true;
        return this.#progress.observe(message);
      case 'result':
        return this.#result(message, resume);
      default:
        return;
    }
  }

  /** Asks a task's check. What it settles is told to the host at once. */
  readonly #decide = async (prompt: HandedOver, script: string): Promise<string | null> => {
    const startedAt = performance.now();
    const { workspace, environment: env } = this.parts;
    const verdict = await runCheck(script, { cwd: workspace.group, env });
    if (verdict.kind === 'wake') return withData(prompt.text, verdict.data);
    const session = this.#sessionId ?? this.parts.start.session_id;
    this.outbox.send(ofCheck(verdict, prompt.through, session, performance.now() - startedAt));
    return null;
  };

  #announce(sessionId: string, stale: string | null): void {
    if (sessionId === this.#sessionId) return;
    this.#sessionId = sessionId;
    this.outbox.send({ type: 'session', session_id: sessionId, stale_session_id: stale });
  }

  async #result(message: SDKResultMessage, resume: string | null): Promise<void> {
    if (
      resume !== null &&
      message.subtype !== 'success' &&
      this.#isResumeFailure(message.errors.join('\n'))
    ) {
      throw new ResumeFailed();
    }
    this.#progress.flush();
    // The host commits the turn on this file: its transcript has to be complete by then.
    await this.parts.transcript.settled();
    const through = this.prompts.answered(answeredUuids(message));
    this.outbox.send(toResult(message, through, this.#costBefore));
    // A result of a failed start carries zeroes.
    this.#costBefore = Math.max(this.#costBefore, message.total_cost_usd);
  }

  /** Only before the model said anything: later the same words are about something else. */
  #isResumeFailure(reason: string): boolean {
    return !this.#hasReplied && /no conversation found/i.test(reason);
  }
}
