/** The pure parts between the SDK and the files. */
import type { SDKPartialAssistantMessage, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialogueOf, renderArchive } from '../src/agent/archive_text.js';
import { childEnvironment } from '../src/agent/child_environment.js';
import { Progress } from '../src/agent/progress.js';
import { Prompts } from '../src/agent/prompts.js';
import { answeredUuids, toResult } from '../src/agent/result.js';
import { ToolUses } from '../src/agent/tool_uses.js';
import { batches } from '../src/agent/transcript_batches.js';
import { bounded } from '../src/agent/transcript_entry.js';
import type { AgentMessage } from '../src/ipc/messages.js';
import { prompt } from './host.js';

function sdkResult(fields: object): SDKResultMessage {
  const base = { type: 'result', session_id: 's', num_turns: 1, duration_ms: 1.6, total_cost_usd: 0.5 };
  return { ...base, usage: {}, ...fields } as unknown as SDKResultMessage;
}

test('every error subtype is passed on as an error with its reason', () => {
  for (const subtype of [
    'error_during_execution',
    'error_max_turns',
    'error_max_budget_usd',
    'error_max_structured_output_retries',
  ]) {
    // The SDK says is_error: false for some of them.
    const named = toResult(sdkResult({ subtype, is_error: false, errors: ['why'] }), null, 0);
    assert.deepEqual([named.subtype, named.is_error, named.text, named.error], [subtype, true, null, 'why']);
    assert.equal(toResult(sdkResult({ subtype, is_error: true, errors: [] }), null, 0).error, subtype);
  }
});

test('a success whose text is an API error is an error', () => {
  const failed = { subtype: 'success', is_error: true, result: 'Overloaded', api_error_status: 529 };
  const result = toResult(sdkResult(failed), 3, 0);
  assert.deepEqual(
    [result.is_error, result.error, result.consumed_through],
    [true, 'HTTP 529: Overloaded', 3],
  );
});

test('cost is the part since the result before, missing usage is zero', () => {
  const result = toResult(sdkResult({ subtype: 'success', is_error: false, result: '' }), null, 0.3);
  assert.ok(Math.abs((result.cost_usd ?? 0) - 0.2) < 1e-9);
  assert.equal(result.text, null);
  assert.equal(result.usage.cache_read_input_tokens, 0);
  assert.equal(result.duration_ms, 2);
});

test('a result names its prompts in either of two fields', () => {
  const both = { subtype: 'success', user_message_uuids: ['a', 'b'], user_message_uuid: 'b' };
  assert.deepEqual(answeredUuids(sdkResult(both)), ['a', 'b', 'b']);
  assert.deepEqual(answeredUuids(sdkResult({ subtype: 'success' })), []);
});

test('naming the last prompt answers all before it, once', () => {
  const prompts = new Prompts('/workspace/group');
  const given = [1, 2, 3].map((through) => prompt(through, 'x'));
  for (const each of given) prompts.push(each as Parameters<Prompts['push']>[0]);
  assert.equal(prompts.answered([given[1]!['uuid']]), 2);
  assert.equal(prompts.answered([given[1]!['uuid']]), null);
  assert.equal(prompts.answered(['a stranger']), null);
  prompts.close();
  assert.equal(prompts.isFinished, false);
  assert.equal(prompts.answered([given[2]!['uuid']]), 3);
  assert.equal(prompts.isFinished, true);
});

test('the stream of a second session begins with what is still unanswered', async () => {
  const prompts = new Prompts('/workspace/group');
  const given = [1, 2].map((through) => prompt(through, `p${through}`) as Parameters<Prompts['push']>[0]);
  for (const each of given) prompts.push(each);
  const first = prompts.stream(async ({ text }) => text);
  await first.next();
  prompts.answered([given[0]!.uuid]);
  const second = await prompts.stream(async ({ text }) => text).next();
  assert.equal(second.value?.uuid, given[1]!.uuid);
});

test('a prompt whose uuid the session already holds goes in under another one', async () => {
  const prompts = new Prompts('/workspace/group');
  const given = prompt(7, 'again') as Parameters<Prompts['push']>[0];
  prompts.push(given);
  prompts.avoid((uuid) => uuid === given.uuid);
  const sent = (await prompts.stream(async ({ text }) => text).next()).value?.uuid;
  assert.notEqual(sent, given.uuid);
  assert.equal(prompts.answered([sent!]), 7);
});

test('entries are cut into batches of bounded size, in order', () => {
  const entries = Array.from({ length: 10 }, (_, n) => ({ type: 'user', n, text: 'x'.repeat(100) }));
  const cut = [...batches(entries, 400)];
  assert.ok(cut.length > 1 && cut.every((batch) => JSON.stringify(batch).length < 500));
  assert.deepEqual(cut.flat(), entries);
  assert.equal([...batches([{ type: 'user', text: 'y'.repeat(1_000) }], 400)].length, 1);
});

test('an oversized entry loses its payload, not its place', () => {
  const data = 'A'.repeat(3_000);
  const source = { type: 'base64', data };
  const content = [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'document', source }] }];
  const entry = { type: 'user', uuid: 'u', parentUuid: 'p', message: { content }, toolUseResult: { data } };
  assert.equal(bounded(entry, 10_000), entry);
  const small = bounded(entry, 1_000);
  assert.equal(small.uuid, 'u');
  assert.equal(small['parentUuid'], 'p');
  assert.match(JSON.stringify(small), /document not kept/);
  assert.throws(() => bounded({ type: 'user', text: 'x'.repeat(2_000) }, 1_000));
});

test('an effect waits for its line, but not for ever', async () => {
  const uses = new ToolUses();
  const line = { type: 'assistant', message: { content: [{ type: 'tool_use', id: 't1' }] } };
  let stored = false;
  const waiting = uses.stored('t1', 10_000).then(() => (stored = true));
  await Promise.resolve();
  assert.equal(stored, false);
  uses.record([line]);
  await waiting;
  await uses.stored('t1');
  await uses.stored('never', 1);
});

test('text deltas are merged and held back while the host is slow', async () => {
  const sent: AgentMessage[] = [];
  let slow = true;
  const progress = new Progress({
    send: (message) => BigInt(sent.push(message)),
    isWaiting: () => slow,
  });
  const delta = (text: string, parent: string | null = null): void =>
    progress.observe({
      parent_tool_use_id: parent,
      event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    } as SDKPartialAssistantMessage);
  delta('a');
  progress.flush();
  delta('b');
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(sent.length, 1);
  delta('c');
  delta('of a sub-agent', 'toolu_1');
  slow = false;
  const deadline = Date.now() + 5_000;
  while (sent.length < 2 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(sent[1], { type: 'progress', kind: 'text', text: 'bc' });
});

test('the child gets the token and the forwarder, and nothing of ours', () => {
  const own = {
    PATH: '/bin',
    CLAWHOLD_TOKEN: 'x',
    ANTHROPIC_AUTH_TOKEN: 'y',
    CLAUDE_CODE_MAX_RETRIES: '9',
  };
  const child = childEnvironment(own, 4711, 'tok');
  assert.equal(child['ANTHROPIC_BASE_URL'], 'http://127.0.0.1:4711');
  assert.equal(child['ANTHROPIC_API_KEY'], 'tok');
  assert.equal(child['CLAUDE_CODE_MAX_RETRIES'], '9');
  assert.equal(child['PATH'], '/bin');
  assert.equal(child['CLAWHOLD_TOKEN'], undefined);
  assert.equal(child['ANTHROPIC_AUTH_TOKEN'], undefined);
});

test('an archive holds what was said, cut, and nothing else', () => {
  const lines = [
    { type: 'user', message: { content: 'Hi' } },
    { type: 'user', isMeta: true, message: { content: 'hidden' } },
    { type: 'assistant', message: { content: [{ type: 'thinking', thinking: 'hm' }] } },
    { type: 'assistant', message: { content: [{ type: 'text', text: 'x'.repeat(2_001) }] } },
    { type: 'user', message: { content: [{ type: 'tool_result', content: 'no' }] } },
  ];
  const transcript = ['broken', ...lines.map((line) => JSON.stringify(line))].join('\n');
  const dialogue = dialogueOf(transcript);
  assert.deepEqual(
    dialogue.map(({ by }) => by),
    ['user', 'assistant'],
  );
  const text = renderArchive({ title: 'T', at: new Date(0), assistantName: 'Andy', dialogue });
  assert.ok(text.startsWith('# T\n\nArchived: '));
  assert.ok(text.includes(`**Andy**: ${'x'.repeat(2_000)}…\n`));
});
