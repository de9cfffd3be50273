/** Whole runs: the built agent-runner, the real SDK and its child, a scripted model behind the proxy's socket. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { archiveBeforeCompaction } from '../src/agent/archive.js';
import { Host, prompt, type HostOptions, type Json } from './host.js';
import type { ModelRequest, Reply } from './model.js';
import { matchesShape } from './shapes.js';

async function running(context: TestContext, options: HostOptions = {}): Promise<Host> {
  const host = new Host(options);
  context.after(() => host.dispose());
  await host.run();
  return host;
}

const say = (text: string): Reply => ({ blocks: [{ text }] });
const lastOf = (request: ModelRequest | undefined): string => JSON.stringify(request?.messages.slice(-2));

async function closes(host: Host): Promise<void> {
  const asked = Date.now();
  host.send({ type: 'close', reason: 'idle' });
  assert.equal(await host.exited(), 0);
  assert.ok(Date.now() - asked < 1_500, `left after ${Date.now() - asked} ms`);
}

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

test('nothing but the model is called', async (context) => {
  const host = await running(context);
  host.start();
  await host.next('result');
  assert.deepEqual(
    host.model.others.filter((other) => other !== 'title' && !other.startsWith('HEAD ')),
    [],
  );
});

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

test('a session the SDK cannot resume is dropped once and reported', async (context) => {
  const stale = randomUUID();
  const useless = [{ type: 'last-prompt', lastPrompt: 'x', sessionId: stale }];
  const host = await running(context, { transcripts: new Map([[stale, useless]]) });
  host.start({ session_id: stale });
  assert.equal((await host.next('result'))['text'], 'Hello');
  assert.equal((await host.next('session'))['stale_session_id'], stale);
  assert.equal(host.of('result').length, 1);
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

test('a turn is not reported over a hole in the transcript', async (context) => {
  const host = await running(context, { refuseTranscript: true });
  host.start();
  assert.equal((await host.next('fatal'))['code'], 'transcript');
  assert.equal(await host.exited(), 1);
  assert.equal(host.of('result').length, 0);
});

test('memory, skills and extra directories reach the model', async (context) => {
  const host = await running(context);
  const write = (name: string, text: string): void => {
    mkdirSync(host.path(name.slice(0, name.lastIndexOf('/'))), { recursive: true });
    writeFileSync(host.path(name), text);
  };
  write('workspace/group/CLAUDE.md', 'memory of the group');
  write('workspace/global/CLAUDE.md', 'memory of all');
  write('workspace/extra/papers/a.txt', '');
  write('home/.claude/skills/juggle/SKILL.md', '---\nname: juggle\ndescription: throws balls\n---\n');
  host.start({ group: { id: 'g', name: 'G', is_main: false } });
  await host.next('result');
  const told = JSON.stringify(host.model.requests[0]);
  for (const mark of ['memory of the group', 'memory of all', 'extra/papers', 'throws balls']) {
    assert.ok(told.includes(mark), mark);
  }
});

test('the main group does not get the global memory', async (context) => {
  const host = await running(context);
  mkdirSync(host.path('workspace/global'));
  writeFileSync(host.path('workspace/global/CLAUDE.md'), 'memory of all');
  host.start();
  await host.next('result');
  assert.ok(!JSON.stringify(host.model.requests[0]).includes('memory of all'));
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

test('chat text is not a command and not a path', async (context) => {
  const host = await running(context);
  writeFileSync(host.path('workspace/group/secret.txt'), 'the secret');
  host.start({ prompt: prompt(1, '/clear @secret.txt') });
  await host.next('result');
  const told = JSON.stringify(host.model.requests[0]?.messages);
  assert.ok(told.includes('/clear @secret.txt') && !told.includes('the secret'));
});

test('the agent sees no variable of the contract, and the token only as its API key', async (context) => {
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1 ? { blocks: [{ tool: 'Bash', id: 'toolu_e', input: { command: 'env' } }] } : say('ok'),
  });
  host.start();
  await host.next('result');
  const env = lastOf(host.model.requests[1]);
  assert.ok(env.includes('ANTHROPIC_BASE_URL=http://127.0.0.1:'));
  assert.ok(!env.includes('CLAWHOLD_'));
});

test('a conversation is archived before the SDK compacts it', async (context) => {
  const host = await running(context, {
    script: (_, turn) => ({ blocks: [{ text: `Nice to meet you ${turn}` }], inputTokens: 1_190_000 }),
  });
  host.start({ prompt: prompt(1, 'I am Ada') });
  await host.next('result');
  host.send({ type: 'prompt', prompt: prompt(2, 'go on') });
  await host.next('result', 2);
  const dir = host.path('workspace/group/conversations');
  const text = readFileSync(`${dir}/${readdirSync(dir)[0]}`, 'utf8');
  assert.ok(text.includes('**User**: I am Ada') && text.includes('**Andy**: Nice to meet you 1'));
});

test('an archive is never written over an older one', async (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'archive-'));
  context.after(() => rmSync(dir, { recursive: true }));
  const transcript_path = join(dir, 'transcript.jsonl');
  writeFileSync(transcript_path, JSON.stringify({ type: 'user', message: { content: 'Hi' } }));
  const index = { entries: [{ sessionId: 's', summary: 'Ada & the Cat!' }] };
  writeFileSync(join(dir, 'sessions-index.json'), JSON.stringify(index));
  const hook = archiveBeforeCompaction(dir, 'Andy');
  const input = { hook_event_name: 'PreCompact', transcript_path, session_id: 's' } as Parameters<
    typeof hook
  >[0];
  for (let n = 0; n < 2; n++) await hook(input, undefined, { signal: AbortSignal.timeout(1_000) });
  const archives = readdirSync(join(dir, 'conversations')).sort();
  assert.equal(archives.length, 2);
  assert.match(archives[1]!, /^\d{4}-\d\d-\d\d-ada-the-cat\.md$/);
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
