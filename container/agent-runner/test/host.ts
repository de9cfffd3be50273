/**
 * The host's side of one run: the two mailboxes in a temporary directory, the proxy's socket, a transcript store in memory,
 * and the agent-runner itself as a child process, unprivileged as in a sandbox.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Model, type Script } from './model.js';

/** The built artefact, as the image has it. */
const ENTRY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** An uid without a passwd entry, as the sandbox's may be. Unprivileged test runs keep their own. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 10_001, gid: 10_001 } : {};
const PATIENCE_MS = 30_000;

export type Json = Record<string, any>;

export interface HostOptions {
  readonly script?: Script;
  /** Transcripts by session id, shared between runs to play a resume. */
  readonly transcripts?: Map<string, Json[]>;
  /** Answers to tool requests; default: an empty success. */
  readonly answer?: (request: Json) => { ok: true; result: unknown } | { ok: false; error: Json };
  readonly env?: Record<string, string>;
  readonly refuseTranscript?: boolean;
  /** Code with which every `transcript_load` is refused. */
  readonly refuseLoad?: string;
}

export class Host {
  readonly dir = mkdtempSync(join(tmpdir(), 'agent-runner-'));
  readonly model: Model;
  readonly transcripts: Map<string, Json[]>;
  /** Every message of the agent, in order. */
  readonly received: Json[] = [];
  readonly startedAtMs = Date.now();
  stderr = '';
  exitCode: number | null | undefined;
  #child: ChildProcess | undefined;
  #sequence = 0;
  #gone = false;
  #loop: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(private readonly options: HostOptions = {}) {
    this.transcripts = options.transcripts ?? new Map();
    this.model = new Model(options.script ?? (() => ({ blocks: [{ text: 'Hello' }] })));
    for (const name of ['in/mail', 'out/mail', 'workspace/group', 'home/.claude', 'tmp']) {
      mkdirSync(join(this.dir, name), { recursive: true });
    }
    for (const name of ['', 'out', 'out/mail', 'workspace/group', 'home', 'home/.claude', 'tmp']) {
      chmodSync(join(this.dir, name), 0o777);
    }
    writeFileSync(this.path('in/heartbeat'), '');
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  async run(): Promise<void> {
    await this.model.listen(this.path('in/proxy.sock'));
    chmodSync(this.path('in/proxy.sock'), 0o777);
    this.#child = spawn(process.execPath, [ENTRY], {
      ...UNPRIVILEGED,
      cwd: this.path('workspace/group'),
      // Its own process group, so that a crash takes the SDK's child along, as the end of a container does.
      detached: true,
      stdio: ['ignore', 'inherit', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: this.path('home'),
        TMPDIR: this.path('tmp'),
        TZ: 'Europe/Berlin',
        CLAWHOLD_IN: this.path('in'),
        CLAWHOLD_OUT: this.path('out'),
        CLAWHOLD_TOKEN: 'token-of-this-run',
        CLAWHOLD_WORKSPACE: this.path('workspace'),
        ...this.options.env,
      },
    });
    this.#child.stderr?.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.#child.on('exit', (code) => {
      this.exitCode = code;
      this.#gone = true;
    });
    this.#beat = setInterval(() => utimesSync(this.path('in/heartbeat'), new Date(), new Date()), 1_000);
    this.#loop = setInterval(() => this.#take(), 5);
  }

  send(message: Json): void {
    this.sendText(JSON.stringify({ v: 1, ...message }));
  }

  sendText(text: string): void {
    const name = `${String(++this.#sequence).padStart(20, '0')}.json`;
    writeFileSync(this.path(`in/mail/.${name}.tmp`), text);
    renameSync(this.path(`in/mail/.${name}.tmp`), this.path(`in/mail/${name}`));
  }

  start(overrides: Json = {}): void {
    this.send({
      type: 'start',
      group: { id: 'main', name: 'Main', is_main: true },
      assistant_name: 'Andy',
      timezone: 'Europe/Berlin',
      session_id: null,
      tools: ['send_message', 'register_group'],
      model: null,
      max_turns: null,
      max_budget_usd: null,
      prompt: prompt(1, 'first prompt'),
      ...overrides,
    });
  }

  of(type: string): Json[] {
    return this.received.filter((message) => message['type'] === type);
  }

  /** Waits until `n` messages of this type have come and returns the last of them. */
  async next(type: string, n = 1): Promise<Json> {
    await this.until(() => this.of(type).length >= n, `${n} × ${type}`);
    return this.of(type)[n - 1]!;
  }

  async exited(): Promise<number | null> {
    await this.until(() => this.exitCode !== undefined, 'exit');
    this.#take();
    return this.exitCode!;
  }

  async until(predicate: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!predicate()) {
      if (Date.now() > deadline)
        throw new Error(`no ${what}\n${JSON.stringify(this.received)}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Ends the child as a crash would. */
  kill(): void {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#gone) return;
    this.#gone = true;
    process.kill(-pid, 'SIGKILL');
  }

  /** Kills only the SDK's child, found as the child of ours. */
  killClaude(): void {
    const pid = this.#child?.pid;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    for (const child of children) process.kill(Number(child), 'SIGKILL');
  }

  stopBeating(): void {
    clearInterval(this.#beat);
  }

  async dispose(): Promise<void> {
    this.kill();
    if (this.#child !== undefined) await this.until(() => this.exitCode !== undefined, 'end');
    clearInterval(this.#loop);
    clearInterval(this.#beat);
    this.model.close();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10 });
  }

  #take(): void {
    const dir = this.path('out/mail');
    for (const name of readdirSync(dir).sort()) {
      if (!/^\d{20}\.json$/.test(name)) continue;
      const message = JSON.parse(readFileSync(join(dir, name), 'utf8')) as Json;
      unlinkSync(join(dir, name));
      this.received.push({ ...message, receivedAtMs: Date.now() });
      if (message['type'] === 'request') this.#answer(message);
    }
  }

  #answer(request: Json): void {
    const { session_id, subpath, entries } = request['params'] as Json;
    const key = subpath ? `${session_id}/${subpath}` : session_id;
    const answer = (fields: Json): void => this.send({ type: 'answer', id: request['id'], ...fields });
    if (request['method'] === 'transcript_append' && this.options.refuseTranscript) {
      answer({ ok: false, error: { code: 'fenced', message: 'not yours any more' } });
    } else if (request['method'] === 'transcript_append') {
      this.transcripts.set(key, [...(this.transcripts.get(key) ?? []), ...entries]);
      answer({ ok: true, result: {} });
    } else if (request['method'] === 'transcript_load' && this.options.refuseLoad !== undefined) {
      answer({ ok: false, error: { code: this.options.refuseLoad, message: 'no' } });
    } else if (request['method'] === 'transcript_load') {
      answer({ ok: true, result: { entries: this.transcripts.get(key) ?? null } });
    } else {
      answer(this.options.answer?.(request) ?? { ok: true, result: {} });
    }
  }
}

export function prompt(through: number, text: string, uuid: string = randomUUID()): Json {
  return { turn_id: randomUUID(), attempt: 1, uuid, through, text };
}
