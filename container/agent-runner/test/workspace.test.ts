/** Whole runs: what the agent sees of its group, and what it leaves there. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { archiveBeforeCompaction } from '../src/agent/archive.js';
import { prompt } from './host.js';
import { lastOf, running, say } from './story.js';

test('nothing but the model is called', async (context) => {
  const host = await running(context);
  host.start();
  await host.next('result');
  assert.deepEqual(
    host.model.others.filter((other) => other !== 'title' && !other.startsWith('HEAD ')),
    [],
  );
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
