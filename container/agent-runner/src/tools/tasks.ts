/** MCP-02 to MCP-07: tasks. Schedules are checked by the host, the one place that also fires them (MCP-D1, MCP-D2). */
import { tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { callHost, type ToolPorts } from './call.js';

const ScheduleType = z.enum(['cron', 'interval', 'once']);
const SCHEDULE_VALUE =
  'cron: "*/5 * * * *" | interval: milliseconds like "300000" | once: local time like "2026-02-01T15:30:00" (no Z)';

export function taskTools(ports: ToolPorts) {
  return [
    scheduleTask(ports),
    listTasks(ports),
    ...(['pause', 'resume', 'cancel'] as const).map((verb) => changeTask(ports, verb)),
    updateTask(ports),
  ];
}

function scheduleTask(ports: ToolPorts) {
  return tool(
    'schedule_task',
    'Schedule a recurring or one-time task. It runs as a full agent with access to all tools. context_mode "group" runs ' +
      'in the conversation of the group; "isolated" runs in a fresh session, so the prompt must say everything. All ' +
      'times are local.',
    {
      prompt: z.string().min(1).describe('What the agent should do when the task runs'),
      schedule_type: ScheduleType,
      schedule_value: z.string().min(1).describe(SCHEDULE_VALUE),
      context_mode: z.enum(['group', 'isolated']).default('group'),
      target_group_jid: z.string().optional().describe('(Main group only) chat to schedule the task for'),
    },
    ({ target_group_jid, ...task }, extra) =>
      callHost(
        ports,
        'schedule_task',
        { ...task, target_group_jid: target_group_jid ?? null },
        extra,
        (result) => `Task scheduled: ${JSON.stringify(result)}`,
      ),
  );
}

function listTasks(ports: ToolPorts) {
  return tool('list_tasks', 'List all scheduled tasks you may see.', {}, (_, extra) =>
    callHost(ports, 'list_tasks', {}, extra, (result) => {
      const tasks = (result as { tasks?: unknown } | null)?.tasks ?? result;
      if (Array.isArray(tasks) && tasks.length === 0) return 'No scheduled tasks found.';
      return JSON.stringify(tasks, null, 2);
    }),
  );
}

function changeTask(ports: ToolPorts, verb: 'pause' | 'resume' | 'cancel') {
  const done = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' }[verb];
  return tool(
    `${verb}_task`,
    { pause: 'Pause', resume: 'Resume', cancel: 'Cancel and delete' }[verb] + ' a scheduled task.',
    { task_id: z.string().min(1).describe('The task id') },
    ({ task_id }, extra) =>
      callHost(ports, `${verb}_task`, { task_id }, extra, () => `Task ${task_id} ${done}.`),
  );
}

function updateTask(ports: ToolPorts) {
  return tool(
    'update_task',
    'Change a scheduled task. Only the fields given change.',
    {
      task_id: z.string().min(1).describe('The task id'),
      prompt: z.string().min(1).optional(),
      schedule_type: ScheduleType.optional(),
      schedule_value: z.string().min(1).optional().describe(SCHEDULE_VALUE),
    },
    (changes, extra) =>
      callHost(ports, 'update_task', changes, extra, () => `Task ${changes.task_id} updated.`),
  );
}
