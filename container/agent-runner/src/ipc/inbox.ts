/**
 * Reads the host-to-agent mailbox: every file once, in sequence order. The directory is read-only here, so what was read
 * is remembered, not deleted. Woken by the kernel; a slow poll covers file systems that do not tell (gVisor, virtiofs).
 */
import { readFileSync, readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { Fatal, reasonOf } from '../fatal.js';
import { log } from '../log.js';
import { sequenceOf } from './file_name.js';
import { parseHostMessage, type HostMessage } from './messages.js';

const POLL_MS = 1_000;
/** What the host may send at most: a loaded transcript is the large case. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export class Inbox {
  #last = 0n;
  #watcher: FSWatcher | undefined;
  #poll: NodeJS.Timeout | undefined;

  constructor(
    private readonly dir: string,
    private readonly onMessage: (message: HostMessage) => void,
    private readonly onFatal: (fatal: Fatal) => void,
  ) {}

  open(): void {
    try {
      this.#watcher = watch(this.dir, () => this.drain());
      this.#watcher.on('error', (error) => log(`inbox watch failed, polling only: ${error.message}`));
    } catch (error) {
      this.onFatal(new Fatal('bad_input', `inbox cannot be watched: ${reasonOf(error)}`));
      return;
    }
    this.#poll = setInterval(() => this.drain(), POLL_MS);
    this.drain();
  }

  close(): void {
    this.#watcher?.close();
    clearInterval(this.#poll);
  }

  /** Hands over everything that has arrived since the last call. */
  drain(): void {
    try {
      for (const { sequence, name } of this.#arrived()) {
        this.#last = sequence;
        const message = this.#read(name);
        if (message !== null) this.onMessage(message);
      }
    } catch (error) {
      this.onFatal(error instanceof Fatal ? error : new Fatal('bad_input', reasonOf(error)));
    }
  }

  #arrived(): { sequence: bigint; name: string }[] {
    return readdirSync(this.dir)
      .sort()
      .map((name) => ({ name, sequence: sequenceOf(name) ?? 0n }))
      .filter(({ sequence }) => sequence > this.#last);
  }

  #read(name: string): HostMessage | null {
    const path = join(this.dir, name);
    if (statSync(path).size > MESSAGE_BYTES_MAX) throw new Fatal('bad_input', `${name} is too large`);
    try {
      const message = parseHostMessage(readFileSync(path, 'utf8'));
      if (message.type !== 'unknown') return message;
      log(`ignoring ${name} of unknown type ${JSON.stringify(message.named.slice(0, 40))}`);
      return null;
    } catch (error) {
      // A JSON syntax error quotes the text it failed on; that is somebody's message.
      const reason = error instanceof SyntaxError ? 'not JSON' : reasonOf(error);
      throw new Fatal('bad_input', `${name}: ${reason}`);
    }
  }
}
