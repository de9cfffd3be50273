/** A task's check: it runs before the model is woken, and what it says is kept to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCheck } from '../src/agent/check.js';
import { prompt } from './host.js';
import { matchesShape } from './shapes.js';
import { closes, lastOf, running } from './story.js';

const around = { cwd: '/', env: { PATH: process.env['PATH'] }, timeMsMax: 2_000 };

const checked = (through: number, text: string, script: string) => ({
  ...prompt(through, text),
  check: { script },
});

test('the last line decides, and what is before it does not matter', async () => {
  const script = `echo '{"wake": false}'; echo noise; echo '{"wake": true, "data": {"new": 3}}'`;
  assert.deepEqual(await runCheck(script, around), { kind: 'wake', data: { new: 3 } });
  assert.deepEqual(await runCheck(`echo '{"wake": false}'`, around), { kind: 'asleep' });
});

for (const [what, script, reason] of [
  ['that fails', 'exit 3', /exited with code 3/],
  ['that says nothing', 'true', /last line/],
  ['that says something else', `echo '{"wake": "yes"}'`, /last line/],
  ['that never ends', 'sleep 60', /not done within 2 s/],
  ['that writes without end', 'yes', /wrote more than/],
] as const) {
  test(`a check ${what} is an error that says so`, async () => {
    const verdict = await runCheck(script, around);
    assert.equal(verdict.kind, 'failed');
    assert.match(verdict.kind === 'failed' ? verdict.reason : '', reason);
  });
}

test('what a check leaves in its background does not hold it up', async () => {
  const startedAt = performance.now();
  const verdict = await runCheck(`sleep 60 & echo '{"wake": false}'`, around);
  assert.deepEqual(verdict, { kind: 'asleep' });
  assert.ok(performance.now() - startedAt < 1_500);
});

test('a check that sees no need costs no model call, and the next prompt is answered', async (context) => {
  const host = await running(context);
  host.start({ prompt: checked(7, 'report', `echo '{"wake": false}'`) });
  const asleep = await host.next('result');
  assert.deepEqual(
    [asleep['subtype'], asleep['is_error'], asleep['consumed_through'], asleep['text']],
    ['not_woken', false, 7, null],
  );
  assert.equal(host.model.requests.length, 0);
  const { receivedAtMs: _, ...message } = asleep;
  assert.equal(matchesShape(message), null);
  host.send({ type: 'prompt', prompt: prompt(8, 'hello') });
  assert.equal((await host.next('result', 2))['consumed_through'], 8);
  await closes(host);
});

test('a check that sees a need wakes the model and shows it why', async (context) => {
  const host = await running(context);
  host.start({ prompt: checked(7, 'report', `pwd; echo '{"wake": true, "data": "three are new"}'`) });
  assert.equal((await host.next('result'))['consumed_through'], 7);
  assert.ok(lastOf(host.model.requests[0]).includes('three are new'));
  await closes(host);
});

test('a check that fails is an error of its prompt', async (context) => {
  const host = await running(context);
  host.start({ prompt: checked(7, 'report', 'exit 3') });
  const failed = await host.next('result');
  assert.deepEqual(
    [failed['subtype'], failed['is_error'], failed['consumed_through'], failed['error']],
    ['error_check', true, null, 'the check exited with code 3'],
  );
  assert.equal(host.model.requests.length, 0);
  await closes(host);
});
