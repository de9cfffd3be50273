/** Whole runs: the transcript goes to the host, and a session comes back from there. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { prompt, type Json } from './host.js';
import type { Reply } from './model.js';
import { closes, running, say } from './story.js';

test('the prompt keeps its uuid in the transcript, before the result', async (context) => {
  const host = await running(context);
  const uuid = randomUUID();
  host.start({ prompt: prompt(1, 'Hello', uuid) });
  const { session_id } = await host.next('result');
  const entries = host.transcripts.get(session_id) ?? [];
  assert.ok(entries.some((entry) => entry['type'] === 'user' && entry['uuid'] === uuid));
  const order = host.received.map((message) => JSON.stringify(message));
  const replied = order.findIndex((text) => text.includes('transcript_append') && text.includes('"Hello"}]'));
  assert.ok(replied >= 0 && replied < order.findIndex((text) => text.includes('"type":"result"')));
});

test('a session resumes from the transcript of the host on another machine', async (context) => {
  const transcripts = new Map<string, Json[]>();
  const first = await running(context, { transcripts, script: () => say('I am Andy') });
  first.start({ prompt: prompt(1, 'remember: blue') });
  const before = await first.next('result');
  await closes(first);

  const second = await running(context, { transcripts });
  second.start({ session_id: before['session_id'], prompt: prompt(2, 'which colour?') });
  const after = await second.next('result');
  assert.equal(after['session_id'], before['session_id']);
  assert.equal((await second.next('session'))['stale_session_id'], null);
  const told = JSON.stringify(second.model.requests[0]?.messages);
  assert.ok(told.includes('remember: blue') && told.includes('I am Andy') && told.includes('which colour?'));
  assert.ok(Math.abs(after['cost_usd'] - before['cost_usd']) < 1e-9, 'cost is per result, not the total');
});

test('after a crash in a tool call the session resumes, and the same prompt is not dropped', async (context) => {
  const transcripts = new Map<string, Json[]>();
  const tool = 'mcp__nanoclaw__send_message';
  const script = (): Reply => ({ blocks: [{ tool, id: 'toolu_lost', input: { text: 'hi' } }] });
  const first = await running(context, {
    transcripts,
    script,
    answer: () => {
      first.kill();
      return { ok: true, result: {} };
    },
  });
  const again = prompt(1, 'say hi');
  first.start({ prompt: again });
  await first.exited();
  const { session_id } = await first.next('session');
  const lines = JSON.stringify(transcripts.get(session_id));
  assert.ok(lines.includes('toolu_lost') && !lines.includes('tool_result'), 'the tool use is left dangling');

  const second = await running(context, { transcripts, script: () => say('back') });
  second.start({ session_id, prompt: again });
  const result = await second.next('result');
  assert.equal(result['text'], 'back');
  assert.equal(result['consumed_through'], 1);
  assert.ok(JSON.stringify(second.model.requests[0]?.messages).includes('Tool call interrupted'));
});

test('a session the host does not have is dropped once and reported', async (context) => {
  const host = await running(context);
  const stale = randomUUID();
  host.start({ session_id: stale });
  assert.equal((await host.next('result'))['is_error'], false);
  const session = await host.next('session');
  assert.equal(session['stale_session_id'], stale);
  assert.notEqual(session['session_id'], stale);
});

test('a session too large to be handed over is dropped once and reported', async (context) => {
  const host = await running(context, { refuseLoad: 'too_large' });
  const stale = randomUUID();
  host.start({ session_id: stale });
  assert.equal((await host.next('result'))['text'], 'Hello');
  const session = await host.next('session');
  assert.equal(session['stale_session_id'], stale);
  assert.notEqual(session['session_id'], stale);
});

test('a session the host refuses for another reason is not dropped', async (context) => {
  const host = await running(context, { refuseLoad: 'unavailable' });
  host.start({ session_id: randomUUID() });
  assert.equal((await host.next('fatal'))['code'], 'host');
  assert.equal(await host.exited(), 1);
  assert.equal(host.of('session').length, 0);
});

test('a session the SDK cannot resume is dropped once and reported', async (context) => {
  const stale = randomUUID();
  const useless = [{ type: 'last-prompt', lastPrompt: 'x', sessionId: stale }];
  const host = await running(context, { transcripts: new Map([[stale, useless]]) });
  host.start({ session_id: stale });
  assert.equal((await host.next('result'))['text'], 'Hello');
  assert.equal((await host.next('session'))['stale_session_id'], stale);
  assert.ok(host.model.requests[0]!.tools.some(({ name }) => name === 'mcp__nanoclaw__send_message'));
  assert.equal(host.of('result').length, 1);
});

test('a turn is not reported over a hole in the transcript', async (context) => {
  const host = await running(context, { refuseTranscript: true });
  host.start();
  assert.equal((await host.next('fatal'))['code'], 'transcript');
  assert.equal(await host.exited(), 1);
  assert.equal(host.of('result').length, 0);
});

test('skills of the group survive a resume', async (context) => {
  const transcripts = new Map<string, Json[]>();
  const first = await running(context, { transcripts });
  first.start();
  const { session_id } = await first.next('result');
  const second = await running(context, { transcripts });
  mkdirSync(second.path('home/.claude/skills/juggle'), { recursive: true });
  writeFileSync(
    second.path('home/.claude/skills/juggle/SKILL.md'),
    '---\nname: juggle\ndescription: throws balls\n---\n',
  );
  second.start({ session_id });
  await second.next('result');
  assert.ok(JSON.stringify(second.model.requests[0]).includes('throws balls'));
});
