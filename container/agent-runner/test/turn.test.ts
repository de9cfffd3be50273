/** Whole runs: prompts become results, and the end comes when it is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prompt } from './host.js';
import { matchesShape } from './shapes.js';
import { closes, lastOf, running, say } from './story.js';

test('a prompt becomes a result that says what it consumed', async (context) => {
  const host = await running(context);
  host.start({ prompt: prompt(42, 'Hello there') });
  const result = await host.next('result');
  assert.equal(result['text'], 'Hello');
  assert.equal(result['consumed_through'], 42);
  assert.equal(result['is_error'], false);
  assert.equal(result['usage'].input_tokens, 10);
  assert.equal(result['session_id'], (await host.next('session'))['session_id']);
  assert.equal(host.model.requests[0]?.apiKey, 'token-of-this-run');
  await closes(host);
  for (const { receivedAtMs: _, ...message } of host.received) {
    assert.equal(matchesShape(message), null, message['type']);
  }
});

test('a follow-up is folded into the running turn and counted', async (context) => {
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1
        ? { blocks: [{ tool: 'mcp__nanoclaw__send_message', id: 'toolu_1', input: { text: 'wait' } }] }
        : say('both'),
  });
  host.start({ prompt: prompt(1, 'first') });
  host.send({ type: 'prompt', prompt: prompt(2, 'second') });
  await host.until(
    () => host.of('result').some((result) => result['consumed_through'] === 2),
    'result for 2',
  );
  assert.ok(host.model.requests.some((request) => lastOf(request).includes('second')));
  await closes(host);
});

test('a follow-up after the last word gets a turn of its own', async (context) => {
  const host = await running(context, {
    script: async (_, turn) => {
      if (turn === 1) await host.until(() => told, 'follow-up');
      return say(`answer ${turn}`);
    },
  });
  let told = false;
  host.start({ prompt: prompt(1, 'first') });
  await host.until(() => host.model.requests.length === 1, 'first request');
  host.send({ type: 'prompt', prompt: prompt(2, 'second') });
  told = true;
  await host.next('result', 2);
  assert.deepEqual(
    host.of('result').map((result) => [result['text'], result['consumed_through']]),
    [
      ['answer 1', 1],
      ['answer 2', 2],
    ],
  );
});

for (const [status, error] of [
  [401, 'authentication_error'],
  [529, 'overloaded_error'],
] as const) {
  test(`an API error ${status} is an error, not an answer`, async (context) => {
    const host = await running(context, {
      script: () => ({ status, error }),
      env: { CLAUDE_CODE_MAX_RETRIES: '0' },
    });
    host.start();
    const result = await host.next('result');
    assert.equal(result['is_error'], true);
    assert.match(result['error'], new RegExp(`${status}`));
    await closes(host);
  });
}

test('a turn limit is reported as what it is', async (context) => {
  const host = await running(context, {
    script: (_, turn) => ({ blocks: [{ tool: 'Bash', id: `toolu_${turn}`, input: { command: 'true' } }] }),
  });
  host.start({ max_turns: 2 });
  const result = await host.next('result');
  assert.equal(result['subtype'], 'error_max_turns');
  assert.equal(result['is_error'], true);
  assert.equal(result['text'], null);
});

test('close during a turn waits for its answer', async (context) => {
  const host = await running(context, {
    script: async () => {
      await host.until(() => closed, 'close');
      return say('late');
    },
  });
  let closed = false;
  host.start();
  await host.until(() => host.model.requests.length === 1, 'request');
  host.send({ type: 'close', reason: 'drain' });
  await host.until(() => host.stderr.includes('closing'), 'close read');
  closed = true;
  assert.equal(await host.exited(), 0);
  assert.equal((await host.next('result'))['text'], 'late');
});

test('work left in the background does not hold up the end', async (context) => {
  const input = { command: 'sleep 60', run_in_background: true };
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1 ? { blocks: [{ tool: 'Bash', id: 'toolu_bg', input }] } : say('started'),
  });
  host.start();
  assert.equal((await host.next('result'))['text'], 'started');
  await closes(host);
});
