/** One tool call as one request to the host. */
import { randomUUID } from 'node:crypto';
import { reasonOf } from '../fatal.js';
import { Refused, type Requests } from '../ipc/requests.js';

export interface ToolAnswer {
  [key: string]: unknown;
  content: { type: 'text'; text: string }[];
  isError?: boolean;
}

/** What a tool needs of the rest: somebody to ask, and the promise that its own line is stored first. */
export interface ToolPorts {
  readonly requests: Pick<Requests, 'ask'>;
  readonly toolUses: { stored(id: string): Promise<void> };
}

/**
 * Asks the host and words its answer for the model. The request id is the id of the tool use, which the host keys the
 * effect by: the same tool use asked twice happens once.
 */
export async function callHost(
  { requests, toolUses }: ToolPorts,
  method: string,
  params: Record<string, unknown>,
  extra: unknown,
  say: (result: unknown) => string,
): Promise<ToolAnswer> {
  const id = toolUseId(extra);
  try {
    if (id !== null) await toolUses.stored(id);
    const result = await requests.ask(id ?? randomUUID(), method, params);
    return { content: [{ type: 'text', text: say(result) }] };
  } catch (error) {
    const code = error instanceof Refused ? ` (${error.code})` : '';
    return {
      isError: true,
      content: [{ type: 'text', text: `${method} failed${code}: ${reasonOf(error)}` }],
    };
  }
}

/** The CLI names the tool use in the request's metadata. */
export function toolUseId(extra: unknown): string | null {
  const meta = (extra as { _meta?: Record<string, unknown> } | undefined)?._meta;
  const id = meta?.['claudecode/toolUseId'];
  return typeof id === 'string' && id !== '' ? id : null;
}
