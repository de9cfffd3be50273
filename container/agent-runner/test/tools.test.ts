/** Whole runs: the tools beyond the SDK's own, and what the model is told about them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastOf, running, say } from './story.js';

test('send_message carries the tool use id and brings back the answer of the host', async (context) => {
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1
        ? { blocks: [{ tool: 'mcp__nanoclaw__send_message', id: 'toolu_say', input: { text: 'hi' } }] }
        : say('done'),
    answer: () => ({ ok: true, result: { outbox_id: 'o1' } }),
  });
  host.start();
  await host.next('result');
  const request = host.of('request').find(({ method }) => method === 'send_message');
  assert.equal(request?.['id'], 'toolu_say');
  assert.deepEqual(request?.['params'], { text: 'hi', sender: null });
  assert.ok(lastOf(host.model.requests[1]).includes('accepted for delivery'));
  assert.ok(host.of('progress').some(({ kind, text }) => kind === 'tool' && text.endsWith('send_message')));
});

test('a refusal of the host reaches the model as an error with its reason', async (context) => {
  const input = { jid: 'tg:1', name: 'N', folder: 'telegram_n', trigger: '@Andy' };
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1 ? { blocks: [{ tool: 'mcp__nanoclaw__register_group', id: 'toolu_r', input }] } : say('no'),
    answer: () => ({ ok: false, error: { code: 'not_authorised', message: 'main group only' } }),
  });
  host.start();
  await host.next('result');
  const told = lastOf(host.model.requests[1]);
  assert.ok(told.includes('not_authorised') && told.includes('main group only') && told.includes('is_error'));
});

test('only the tools named at the start are offered', async (context) => {
  const host = await running(context);
  host.start({ tools: ['send_message', 'list_tasks', 'no_such_tool'] });
  await host.next('result');
  const offered = host.model.requests[0]!.tools.map(({ name }) => name).filter((n) => n.startsWith('mcp__'));
  assert.deepEqual(offered.sort(), ['mcp__nanoclaw__list_tasks', 'mcp__nanoclaw__send_message']);
});
