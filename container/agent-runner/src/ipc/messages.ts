/**
 * The files both sides exchange, version 1. `proto/fixtures/ipc/` holds an example of each; the host tests the same ones.
 * Shapes only: who may send what when is decided elsewhere.
 */
import { z } from 'zod';

const Prompt = z.object({
  turn_id: z.string().min(1),
  attempt: z.int().positive(),
  uuid: z.guid(),
  through: z.int().nonnegative(),
  text: z.string(),
  /** Asked before the model is woken. */
  check: z.object({ script: z.string() }).optional(),
  /** Shown to the model with the text; paths from the workspace. */
  pictures: z
    .array(
      z.object({
        path: z.string().min(1),
        media_type: z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
      }),
    )
    .optional(),
});

const Start = z.object({
  v: z.literal(1),
  type: z.literal('start'),
  group: z.object({ id: z.string().min(1), name: z.string(), is_main: z.boolean() }),
  assistant_name: z.string(),
  timezone: z.string(),
  session_id: z.guid().nullable(),
  tools: z.array(z.string()),
  model: z.string().nullable(),
  max_turns: z.int().positive().nullable(),
  max_budget_usd: z.number().positive().nullable(),
  prompt: Prompt,
});

const FollowUp = z.object({ v: z.literal(1), type: z.literal('prompt'), prompt: Prompt });

const Answer = z.union([
  z.object({
    v: z.literal(1),
    type: z.literal('answer'),
    id: z.string().min(1),
    ok: z.literal(true),
    result: z.unknown(),
  }),
  z.object({
    v: z.literal(1),
    type: z.literal('answer'),
    id: z.string().min(1),
    ok: z.literal(false),
    error: z.object({ code: z.string(), message: z.string() }),
  }),
]);

const Close = z.object({
  v: z.literal(1),
  type: z.literal('close'),
  reason: z.enum(['idle', 'evicted', 'drain']),
});

const schemas = { start: Start, prompt: FollowUp, answer: Answer, close: Close } as const;

export type Prompt = z.infer<typeof Prompt>;
export type Start = z.infer<typeof Start>;
export type Answer = z.infer<typeof Answer>;
export type HostMessage = Start | z.infer<typeof FollowUp> | Answer | z.infer<typeof Close>;

/** A message of a type this version does not know: ignored by the reader, so that the host can be newer. */
export interface UnknownMessage {
  readonly type: 'unknown';
  readonly named: string;
}

/** @throws Error naming the first field that is wrong, never its value. */
export function parseHostMessage(text: string): HostMessage | UnknownMessage {
  const envelope = z.object({ v: z.literal(1), type: z.string() }).safeParse(JSON.parse(text));
  if (!envelope.success) throw new Error(describe('message', envelope.error));
  const { type } = envelope.data;
  if (!Object.hasOwn(schemas, type)) return { type: 'unknown', named: type };
  const parsed = schemas[type as keyof typeof schemas].safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(describe(type, parsed.error));
  return parsed.data;
}

function describe(what: string, error: z.ZodError): string {
  const issue = error.issues[0];
  return `${what}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
}

export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
}

export interface Result {
  type: 'result';
  /** As the SDK names it: `success` or one of its `error_*`; `not_woken` and `error_check` are of a task's check. */
  subtype: string;
  is_error: boolean;
  text: string | null;
  /** Largest `through` newly answered by this result; null when it answers nothing new. */
  consumed_through: number | null;
  /** Null when no session was begun: the model was not woken. */
  session_id: string | null;
  num_turns: number;
  duration_ms: number;
  /** What this result cost, not the running total. */
  cost_usd: number | null;
  usage: Usage;
  error: string | null;
}

export type AgentMessage =
  | { type: 'ready'; agent_runner: string; sdk: string }
  | { type: 'session'; session_id: string; stale_session_id: string | null }
  | { type: 'progress'; kind: 'text' | 'tool'; text: string }
  | Result
  | { type: 'request'; id: string; method: string; params: Record<string, unknown> }
  | { type: 'fatal'; code: string; message: string };
