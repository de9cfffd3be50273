/** How a run ends when something is wrong: always told, always promptly. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { watchHost } from '../src/heartbeat.js';
import { Host, prompt } from './host.js';
import { running } from './story.js';

const badStarts: [string, (host: Host) => void][] = [
  ['text that is not JSON', (host) => host.sendText('{"v":1,')],
  ['another version', (host) => host.sendText('{"v":2,"type":"start"}')],
  ['a prompt without its uuid', (host) => host.start({ prompt: { ...prompt(1, 'x'), uuid: 'nonsense' } })],
  ['a prompt before the start', (host) => host.send({ type: 'prompt', prompt: prompt(1, 'x') })],
];
for (const [what, send] of badStarts) {
  test(`${what} is fatal`, async (context) => {
    const host = await running(context);
    send(host);
    assert.equal((await host.next('fatal'))['code'], 'bad_input');
    assert.equal(await host.exited(), 1);
  });
}

test('a second start is fatal', async (context) => {
  const host = await running(context);
  host.start();
  await host.next('result');
  host.start();
  assert.equal((await host.next('fatal'))['code'], 'bad_input');
  assert.equal(await host.exited(), 1);
});

test('a missing token ends the run', async (context) => {
  const host = await running(context, { env: { CLAWHOLD_TOKEN: '' } });
  assert.equal(await host.exited(), 1);
  assert.match(host.stderr, /CLAWHOLD_TOKEN/);
});

test('a home that cannot be written is fatal', async (context) => {
  const host = new Host();
  context.after(() => host.dispose());
  chmodSync(host.path('home'), 0o500);
  await host.run();
  host.start();
  assert.equal((await host.next('fatal'))['code'], 'bad_input');
  assert.equal(await host.exited(), 1);
});

test('a child that dies is fatal', async (context) => {
  const host = await running(context);
  host.start();
  await host.next('result');
  host.killClaude();
  assert.equal((await host.next('fatal'))['code'], 'sdk');
  assert.equal(await host.exited(), 1);
});

test('the heartbeat is written', async (context) => {
  const host = await running(context);
  await host.next('ready');
  assert.ok(Date.now() - statSync(host.path('out/heartbeat')).mtimeMs < 5_000);
});

test('a silent host ends the run with 75', async (context) => {
  const host = await running(context);
  host.start();
  await host.next('result');
  const since = Date.now();
  host.stopBeating();
  assert.equal(await host.exited(), 75);
  assert.ok(Date.now() - since > 10_000 && Date.now() - since < 15_000);
});

test('a beating host is not silent, whatever its clock says', async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'heartbeat-'));
  context.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'heartbeat');
  writeFileSync(file, '');
  let silent = 0;
  let beats = 0;
  const timer = watchHost(file, () => silent++, 1_500);
  await new Promise<void>((resolve) => {
    const beat = setInterval(() => {
      // Far in the past and going backwards: only a change counts.
      utimesSync(file, 1_000 - beats, 1_000 - beats);
      if (++beats === 6) {
        clearInterval(beat);
        resolve();
      }
    }, 500);
  });
  assert.equal(silent, 0);
  clearInterval(timer);
});
