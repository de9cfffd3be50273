/**
 * A task's check: a script of the group's own that says whether the model is needed at all. It runs where the agent's own
 * commands run and with their rights, so it can do nothing they cannot.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { z } from 'zod';

/** A check looks something up; what takes longer belongs to the task itself. */
const TIME_MS_MAX = 30_000;
/** What the model is shown of it is a few lines; the rest would only cost tokens. */
const OUTPUT_BYTES_MAX = 64 * 1024;

const Answer = z.object({ wake: z.boolean(), data: z.unknown().optional() });

export type Verdict =
  | { readonly kind: 'asleep' }
  | { readonly kind: 'wake'; readonly data: unknown }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Surroundings {
  readonly cwd: string;
  readonly env: Record<string, string | undefined>;
  readonly timeMsMax?: number;
}

interface Run {
  readonly output: string;
  /** Why the output does not count; never any of it: it may hold what must not be logged. */
  readonly failure: string | null;
}

export async function runCheck(script: string, around: Surroundings): Promise<Verdict> {
  const { output, failure } = await run(script, around);
  return failure === null ? read(output) : { kind: 'failed', reason: failure };
}

function run(script: string, around: Surroundings): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', script], {
      cwd: around.cwd,
      env: around.env,
      stdio: ['ignore', 'pipe', 'inherit'],
      // A process group of its own: what it leaves in its background ends with it.
      detached: true,
    });
    let failure: string | null = null;
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (reason: string): void => {
      failure ??= reason;
      killGroup(child);
    };
    const time = around.timeMsMax ?? TIME_MS_MAX;
    const overdue = setTimeout(() => fail(`the check was not done within ${time / 1000} s`), time);
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_BYTES_MAX) fail(`the check wrote more than ${OUTPUT_BYTES_MAX} bytes`);
      else chunks.push(chunk);
    });
    child.on('error', (error) => {
      clearTimeout(overdue);
      resolve({ output: '', failure: `the check cannot be run: ${error.message}` });
    });
    child.on('exit', (code, signal) => {
      if (code !== 0)
        failure ??= code === null ? `the check ended by ${signal}` : `the check exited with code ${code}`;
      killGroup(child);
    });
    child.on('close', () => {
      clearTimeout(overdue);
      resolve({ output: Buffer.concat(chunks).toString('utf8'), failure });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}

function read(output: string): Verdict {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  try {
    const answer = Answer.parse(JSON.parse(last));
    return answer.wake ? { kind: 'wake', data: answer.data } : { kind: 'asleep' };
  } catch {
    return {
      kind: 'failed',
      reason: 'the last line of the check is not {"wake": true or false, "data": …}',
    };
  }
}

/** The prompt with what its check found. */
export function withData(text: string, data: unknown): string {
  if (data === undefined || data === null) return text;
  return `${text}\n\n[What the task's check found:]\n${JSON.stringify(data)}`;
}
