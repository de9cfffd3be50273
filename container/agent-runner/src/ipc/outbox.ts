/**
 * Writes the agent-to-host mailbox. Writes are synchronous: order is call order, and whatever was sent is on disk even
 * if this process exits in the next statement.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { AgentMessage } from './messages.js';
import { fileName } from './file_name.js';

/** The host refuses larger files; refusing here keeps the cause next to the culprit. */
export const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;

const { O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** What the host makes of a message it has read. */
const SPARE = '.spare.tmp';

export class Outbox {
  #last = 0n;

  constructor(private readonly dir: string) {}

  /** Returns the sequence of the file written. @throws Error when the message is too large or the disk is full. */
  send(message: AgentMessage): bigint {
    const text = JSON.stringify({ v: 1, ...message });
    if (Buffer.byteLength(text) > MESSAGE_BYTES_MAX) {
      throw new Error(`${message.type} is larger than ${MESSAGE_BYTES_MAX} bytes`);
    }
    const sequence = this.#last + 1n;
    const name = fileName(sequence);
    const temporary = join(this.dir, `.${name}.tmp`);
    if (!this.#writeIntoSpare(temporary, text)) writeFileSync(temporary, text);
    renameSync(temporary, join(this.dir, name));
    this.#last = sequence;
    return sequence;
  }

  /**
   * Into a file that the host has read, if one is there: making and deleting one for each message is what costs. Whatever else has
   * that name is put out of the way.
   */
  #writeIntoSpare(temporary: string, text: string): boolean {
    try {
      renameSync(join(this.dir, SPARE), temporary);
    } catch {
      return false;
    }
    let file: number | undefined;
    try {
      file = openSync(temporary, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
      if (!fstatSync(file).isFile()) throw new Error('no file');
      writeFileSync(file, text);
      ftruncateSync(file, Buffer.byteLength(text));
      return true;
    } catch {
      rmSync(temporary, { recursive: true, force: true });
      return false;
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** Whether the host has not yet taken this file: the back-pressure signal for messages that may be merged. */
  isWaiting(sequence: bigint): boolean {
    return existsSync(join(this.dir, fileName(sequence)));
  }
}
