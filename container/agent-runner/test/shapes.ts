/** The strict shape of everything the agent-runner sends, as the host checks it. */
import { z } from 'zod';

const count = z.int().nonnegative();
const head = { v: z.literal(1) };

const requests = {
  send_message: z.strictObject({ text: z.string(), sender: z.string().nullable() }),
  send_file: z.strictObject({ path: z.string(), caption: z.string().nullable() }),
  react: z.strictObject({ emoji: z.string(), message_id: z.string().nullable() }),
  register_group: z.strictObject({
    jid: z.string(),
    name: z.string(),
    folder: z.string(),
    trigger: z.string(),
    requires_trigger: z.boolean().nullable(),
  }),
  transcript_append: z.strictObject({
    session_id: z.string(),
    subpath: z.string().nullable(),
    entries: z.array(z.looseObject({ type: z.string() })),
  }),
  transcript_load: z.strictObject({ session_id: z.string(), subpath: z.string().nullable() }),
  schedule_task: z.strictObject({
    prompt: z.string(),
    schedule_type: z.enum(['cron', 'interval', 'once']),
    schedule_value: z.string(),
    context_mode: z.enum(['group', 'isolated']),
    target_group_jid: z.string().nullable(),
    timezone: z.string().optional(),
    check_script: z.string().optional(),
  }),
  list_tasks: z.strictObject({ task_id: z.string().optional() }),
  pause_task: z.strictObject({ task_id: z.string() }),
  resume_task: z.strictObject({ task_id: z.string() }),
  cancel_task: z.strictObject({ task_id: z.string() }),
  update_task: z.strictObject({
    task_id: z.string(),
    prompt: z.string().optional(),
    schedule_type: z.enum(['cron', 'interval', 'once']).optional(),
    schedule_value: z.string().optional(),
    context_mode: z.enum(['group', 'isolated']).optional(),
    timezone: z.string().optional(),
    check_script: z.string().optional(),
  }),
} as const;

export const shapes = {
  ready: z.strictObject({
    ...head,
    type: z.literal('ready'),
    agent_runner: z.string(),
    sdk: z.string(),
  }),
  session: z.strictObject({
    ...head,
    type: z.literal('session'),
    session_id: z.string(),
    stale_session_id: z.string().nullable(),
  }),
  progress: z.strictObject({
    ...head,
    type: z.literal('progress'),
    kind: z.enum(['text', 'tool']),
    text: z.string(),
  }),
  result: z.strictObject({
    ...head,
    type: z.literal('result'),
    subtype: z.string(),
    is_error: z.boolean(),
    text: z.string().nullable(),
    consumed_through: count.nullable(),
    session_id: z.string().nullable(),
    num_turns: count,
    duration_ms: count,
    cost_usd: z.number().nonnegative().nullable(),
    usage: z.strictObject({
      input_tokens: count,
      output_tokens: count,
      cache_creation_input_tokens: count,
      cache_read_input_tokens: count,
    }),
    error: z.string().nullable(),
  }),
  request: z.strictObject({
    ...head,
    type: z.literal('request'),
    id: z.string().min(1),
    method: z.enum(Object.keys(requests) as [keyof typeof requests]),
    params: z.unknown(),
  }),
  fatal: z.strictObject({ ...head, type: z.literal('fatal'), code: z.string(), message: z.string() }),
} as const;

/** Null if the message is one of ours, else what is wrong with it. */
export function matchesShape(message: unknown): string | null {
  const type = (message as { type?: unknown } | null)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) return `type ${String(type)}`;
  const parsed = shapes[type as keyof typeof shapes].safeParse(message);
  if (!parsed.success) return parsed.error.message;
  if (parsed.data.type !== 'request') return null;
  return requests[parsed.data.method].safeParse(parsed.data.params).error?.message ?? null;
}
