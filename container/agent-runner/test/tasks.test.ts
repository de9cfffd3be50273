/** The task tools: what reaches the host, and what the model is told of its answers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { callHost } from '../src/tools/call.js';
import { cancelledText, listText, taskText } from '../src/tools/task_text.js';
import { lastOf, running, say } from './story.js';

const FIXTURES = fileURLToPath(new URL('../../../../proto/fixtures/ipc/', import.meta.url));

function golden(name: string): { ok: boolean; result?: unknown; error?: { code: string; message: string } } {
  return JSON.parse(readFileSync(`${FIXTURES}host_to_agent/${name}.json`, 'utf8'));
}

const TOOLS = ['schedule_task', 'list_tasks', 'pause_task', 'resume_task', 'cancel_task', 'update_task'];

test('schedule_task carries what was asked and brings back the task as it is', async (context) => {
  const input = { prompt: 'Post the weather.', schedule_type: 'cron', schedule_value: '0 9 * * *' };
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1 ? { blocks: [{ tool: 'mcp__nanoclaw__schedule_task', id: 'toolu_s', input }] } : say('done'),
    answer: () => ({ ok: true, result: golden('answer_ok_schedule_task').result }),
  });
  host.start({ tools: TOOLS });
  await host.next('result');
  const request = host.of('request').find(({ method }) => method === 'schedule_task');
  assert.equal(request?.['id'], 'toolu_s');
  assert.deepEqual(request?.['params'], { ...input, context_mode: 'group', target_group_jid: null });
  const told = lastOf(host.model.requests[1]);
  assert.ok(
    told.includes('task-5d41402abc4b2a76b9719d911017c592') && told.includes('2026-11-29T09:00:00+01:00'),
  );
});

test('mcp_d4: a refusal names the value, so that the model can mend it', async (context) => {
  const input = { prompt: 'x', schedule_type: 'interval', schedule_value: '5min' };
  const { error } = golden('answer_error_invalid_schedule');
  const host = await running(context, {
    script: (_, turn) =>
      turn === 1 ? { blocks: [{ tool: 'mcp__nanoclaw__schedule_task', id: 'toolu_s', input }] } : say('no'),
    answer: () => ({ ok: false, error: error! }),
  });
  host.start({ tools: TOOLS });
  await host.next('result');
  const told = lastOf(host.model.requests[1]);
  assert.ok(told.includes('5min') && told.includes('300000') && told.includes('is_error'));
});

test('mcp_05: each task is one line with its schedule, its state and its next run', () => {
  const text = listText(golden('answer_ok_list_tasks').result);
  assert.match(
    text,
    /^- \[task-5d41402abc4b2a76b9719d911017c592\] Post the weather\. \(interval: 5400000, .*\) - paused, .*next run: N\/A$/m,
  );
  assert.equal(listText({ tasks: [], left_off: 0 }), 'No scheduled tasks found.');
  const { tasks } = golden('answer_ok_list_tasks').result as { tasks: unknown[] };
  assert.match(listText({ tasks, left_off: 7 }), /and 7 more/);
  assert.match(
    taskText('Task paused')(golden('answer_ok_schedule_task').result),
    /^Task paused:\n- \[task-5d41/,
  );
  assert.equal(cancelledText({ cancelled: 't1' }), 'Task t1 cancelled.');
});

test('an answer of another shape is an error, not a success', async () => {
  const ports = {
    requests: { ask: () => Promise.resolve({ tea: true }) },
    toolUses: { stored: () => Promise.resolve() },
  };
  const answer = await callHost(ports, 'list_tasks', {}, undefined, listText);
  assert.equal(answer.isError, true);
});
