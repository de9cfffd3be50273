/** MCP-02 to MCP-07: tasks. Schedules are checked by the host, the one place that also fires them (MCP-D1, MCP-D2). */
import { tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { callHost, type ToolPorts } from './call.js';
import { cancelledText, listText, taskText } from './task_text.js';

const ScheduleType = z.enum(['cron', 'interval', 'once']);
const SCHEDULE_VALUE =
  'cron: "*/5 * * * *" | interval: milliseconds like "300000" (at least 10000) | once: local time like ' +
  '"2026-02-01T15:30:00" (no Z)';
const TIMEZONE =
  'IANA zone of the local times, such as "Europe/Berlin"; default: the zone you see in messages';
const CHECK_SCRIPT =
  'Bash script run in the workspace before you are woken. Its last line of output is JSON: {"wake": false} ends the run without ' +
  'cost, {"wake": true, "data": …} wakes you with the data';

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
      'times are local. What the run answers is sent to the chat; wrap it in <internal> tags to say nothing.',
    {
      prompt: z.string().min(1).describe('What the agent should do when the task runs'),
      schedule_type: ScheduleType,
      schedule_value: z.string().min(1).describe(SCHEDULE_VALUE),
      context_mode: z.enum(['group', 'isolated']).default('group'),
      target_group_jid: z.string().optional().describe('(Main group only) chat to schedule the task for'),
      timezone: z.string().optional().describe(TIMEZONE),
      check_script: z.string().optional().describe(CHECK_SCRIPT),
    },
    ({ target_group_jid, ...task }, extra) =>
      callHost(
        ports,
        'schedule_task',
        { ...task, target_group_jid: target_group_jid ?? null },
        extra,
        taskText('Task scheduled'),
      ),
  );
}

function listTasks(ports: ToolPorts) {
  return tool(
    'list_tasks',
    'List the scheduled tasks you may see, as they are now. Long prompts are cut; name a task to see all of it.',
    { task_id: z.string().optional().describe('Show this task alone, in full') },
    (asked, extra) => callHost(ports, 'list_tasks', asked, extra, listText),
  );
}

function changeTask(ports: ToolPorts, verb: 'pause' | 'resume' | 'cancel') {
  const say = {
    pause: taskText('Task paused'),
    resume: taskText('Task resumed'),
    cancel: cancelledText,
  }[verb];
  return tool(
    `${verb}_task`,
    { pause: 'Pause', resume: 'Resume', cancel: 'Cancel and delete' }[verb] + ' a scheduled task.',
    { task_id: z.string().min(1).describe('The task id') },
    ({ task_id }, extra) => callHost(ports, `${verb}_task`, { task_id }, extra, say),
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
      context_mode: z.enum(['group', 'isolated']).optional(),
      timezone: z.string().optional().describe(TIMEZONE),
      check_script: z.string().optional().describe(`${CHECK_SCRIPT}. Empty: no check`),
    },
    (changes, extra) => callHost(ports, 'update_task', changes, extra, taskText('Task changed')),
  );
}
