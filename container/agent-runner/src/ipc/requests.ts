/** Questions to the host and their answers. The host answers every request; a missing answer is an error, not a wait. */
import type { Answer } from './messages.js';
import type { Outbox } from './outbox.js';

const ANSWER_TIMEOUT_MS = 60_000;

/** The host said no, or said nothing. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'Refused';
  }
}

interface Waiting {
  settle(answer: Answer): void;
}

export class Requests {
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    private readonly outbox: Pick<Outbox, 'send'>,
    private readonly timeoutMs: number = ANSWER_TIMEOUT_MS,
  ) {}

  /** @throws Refused with the host's code, or `timeout`. */
  ask(id: string, method: string, params: Record<string, unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Refused('timeout', `the host did not answer ${method} in time`));
      }, this.timeoutMs);
      this.#waiting.set(id, {
        settle: (answer) => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          if (answer.ok) resolve(answer.result);
          else reject(new Refused(answer.error.code, answer.error.message));
        },
      });
      try {
        this.outbox.send({ type: 'request', id, method, params });
      } catch (error) {
        clearTimeout(timer);
        this.#waiting.delete(id);
        reject(error as Error);
      }
    });
  }

  /** An answer nobody waits for any more (it came too late) is dropped. */
  settle(answer: Answer): void {
    this.#waiting.get(answer.id)?.settle(answer);
  }
}
