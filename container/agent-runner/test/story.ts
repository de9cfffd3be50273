/** The recurring steps of the tests that run everything: the built agent-runner, the real SDK, a scripted model. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Host, type HostOptions } from './host.js';
import type { ModelRequest, Reply } from './model.js';

/** Far above what leaving takes, far below what background work would hold it up. */
const LEAVE_MS_MAX = 5_000;

export async function running(context: TestContext, options: HostOptions = {}): Promise<Host> {
  const host = new Host(options);
  context.after(() => host.dispose());
  await host.run();
  return host;
}

export const say = (text: string): Reply => ({ blocks: [{ text }] });

/** What the model was told last: the end of a request, where tool results are. */
export const lastOf = (request: ModelRequest | undefined): string =>
  JSON.stringify(request?.messages.slice(-2));

export async function closes(host: Host): Promise<void> {
  const asked = Date.now();
  host.send({ type: 'close', reason: 'idle' });
  assert.equal(await host.exited(), 0);
  assert.ok(Date.now() - asked < LEAVE_MS_MAX, `left after ${Date.now() - asked} ms`);
}
