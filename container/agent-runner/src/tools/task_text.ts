/** How the host's answers about tasks are worded for the model: one line per task (MCP-05). */
import { z } from 'zod';

const Task = z.object({
  id: z.string(),
  group: z.string(),
  prompt: z.string(),
  schedule_type: z.string(),
  schedule_value: z.string(),
  timezone: z.string(),
  context_mode: z.string(),
  check_script: z.string().optional(),
  status: z.string(),
  next_run: z.string().nullable(),
});
const OneTask = z.object({ task: Task });
const Tasks = z.object({ tasks: z.array(Task), left_off: z.number() });
const Cancelled = z.object({ cancelled: z.string() });

export type Task = z.infer<typeof Task>;

export function taskLine(task: Task): string {
  const check = task.check_script === undefined ? '' : `, check: ${JSON.stringify(task.check_script)}`;
  return (
    `- [${task.id}] ${task.prompt} (${task.schedule_type}: ${task.schedule_value}, ${task.timezone}, ` +
    `${task.context_mode}${check}) - ${task.status}, group: ${task.group}, next run: ${task.next_run ?? 'N/A'}`
  );
}

/** Says what became of one task, and how it is now. */
export function taskText(what: string): (result: unknown) => string {
  return (result) => `${what}:\n${taskLine(OneTask.parse(result).task)}`;
}

export function cancelledText(result: unknown): string {
  return `Task ${Cancelled.parse(result).cancelled} cancelled.`;
}

export function listText(result: unknown): string {
  const { tasks, left_off } = Tasks.parse(result);
  if (tasks.length === 0) return 'No scheduled tasks found.';
  const more = left_off === 0 ? [] : [`… and ${left_off} more.`];
  return ['Scheduled tasks:', ...tasks.map(taskLine), ...more].join('\n');
}
