/**
 * What NanoClaw 1.2.12's agent-runner does, as seen from outside (CR-12…14, AR-01…10), in place of its image. The model is
 * asked directly instead of through the Agent SDK; the tools are the two that the stories need. An output that holds
 * a character of several bytes is written in two pieces, cut inside it.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const IPC = '/workspace/ipc';
const INPUT = `${IPC}/input`;
const CLOSE = `${INPUT}/_close`;
const POLL_MS = 500;

const log = (text) => process.stderr.write(`[agent-runner] ${text}\n`);
const write = (bytes) => new Promise((resolve) => process.stdout.write(bytes, resolve));

async function output(value) {
  const bytes = Buffer.from(`---NANOCLAW_OUTPUT_START---\n${JSON.stringify(value)}\n---NANOCLAW_OUTPUT_END---\n`);
  const multibyte = bytes.findIndex((byte) => byte >= 0xc0);
  if (multibyte < 0) return write(bytes);
  const cut = multibyte + 1;
  await write(bytes.subarray(0, cut));
  await sleep(50);
  await write(bytes.subarray(cut));
}

/** AR-06: sorted by name, read, deleted; only messages count. */
function drainInput() {
  mkdirSync(INPUT, { recursive: true });
  const names = readdirSync(INPUT).filter((name) => name.endsWith('.json'));
  return names.sort().flatMap((name) => {
    const path = `${INPUT}/${name}`;
    try {
      const file = JSON.parse(readFileSync(path, 'utf8'));
      return file.type === 'message' && file.text ? [file.text] : [];
    } catch (error) {
      log(`Failed to process input file ${name}: ${error.message}`);
      return [];
    } finally {
      unlinkSync(path);
    }
  });
}

function shouldClose() {
  if (!existsSync(CLOSE)) return false;
  unlinkSync(CLOSE);
  return true;
}

/** One session: its id and what was said in it, kept where the SDK keeps it. */
class Session {
  constructor(id) {
    this.id = id ?? randomUUID();
    this.path = `${process.env.HOME}/.claude/session-${this.id}.json`;
    if (id && !existsSync(this.path)) throw new Error(`No conversation found with session ID: ${id}`);
    this.messages = id ? JSON.parse(readFileSync(this.path, 'utf8')) : [];
  }

  add(role, content) {
    this.messages.push({ role, content });
    writeFileSync(this.path, JSON.stringify(this.messages));
  }
}

const TOOLS = {
  Bash: ({ command }) =>
    new Promise((resolve) => {
      execFile('sh', ['-c', command], (error, stdout, stderr) => resolve(stdout + stderr || `${error ?? 'no output'}`));
    }),
  /** MCP-01: a file under a name of its own; nothing comes back. */
  mcp__nanoclaw__send_message: async ({ text }, input) => {
    const name = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}.json`;
    const { chatJid, groupFolder } = input;
    const timestamp = new Date().toISOString();
    writeFileSync(`${IPC}/messages/${name}.tmp`, JSON.stringify({ type: 'message', chatJid, text, groupFolder, timestamp }));
    renameSync(`${IPC}/messages/${name}.tmp`, `${IPC}/messages/${name}`);
    return 'Message sent.';
  },
};

async function ask(messages) {
  const tools = Object.keys(TOOLS).map((name) => ({ name, description: name, input_schema: { type: 'object' } }));
  const answer = await fetch(`${process.env.ANTHROPIC_BASE_URL}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': process.env.ANTHROPIC_API_KEY,
    },
    body: JSON.stringify({ model: 'claude-sonnet-4-5', max_tokens: 1024, messages, tools }),
  });
  if (!answer.ok) throw new Error(`API error ${answer.status}: ${await answer.text()}`);
  return (await answer.json()).content;
}

/** Works until the model calls no more tools; its text is the result. */
async function work(session, input) {
  for (;;) {
    const content = await ask(session.messages);
    session.add('assistant', content);
    const calls = content.filter((block) => block.type === 'tool_use');
    if (calls.length === 0) return content.map((block) => block.text ?? '').join('') || null;
    const results = [];
    for (const call of calls) {
      const text = await TOOLS[call.name](call.input, input);
      results.push({ type: 'tool_result', tool_use_id: call.id, content: text });
    }
    session.add('user', results);
  }
}

/** One query (AR-05): what comes in meanwhile joins it. Returns whether it was closed. */
async function query(session, prompt, input) {
  const waiting = [prompt];
  let closed = false;
  const poll = setInterval(() => {
    closed ||= shouldClose();
    if (!closed) waiting.push(...drainInput());
  }, POLL_MS);
  try {
    while (waiting.length > 0 && !closed) {
      session.add('user', waiting.splice(0).join('\n'));
      await output({ status: 'success', result: await work(session, input), newSessionId: session.id });
    }
  } finally {
    clearInterval(poll);
  }
  return closed;
}

async function nextPrompt() {
  for (;;) {
    if (shouldClose()) return null;
    const texts = drainInput();
    if (texts.length > 0) return texts.join('\n');
    await sleep(POLL_MS);
  }
}

async function main() {
  let input;
  try {
    input = JSON.parse(readFileSync(0, 'utf8'));
  } catch (error) {
    await output({ status: 'error', result: null, error: `Failed to parse input: ${error.message}` });
    process.exit(1);
  }
  if (existsSync(CLOSE)) unlinkSync(CLOSE);
  let prompt = [input.prompt, ...drainInput()].join('\n');
  let session;
  try {
    session = new Session(input.sessionId);
    for (;;) {
      log(`Starting query (session: ${session.id})`);
      if (await query(session, prompt, input)) {
        log('Close sentinel consumed during query, exiting');
        break;
      }
      await output({ status: 'success', result: null, newSessionId: session.id });
      prompt = await nextPrompt();
      if (prompt === null) {
        log('Close sentinel received, exiting');
        break;
      }
    }
  } catch (error) {
    await output({ status: 'error', result: null, newSessionId: session?.id, error: error.message });
    process.exit(1);
  }
}

await main();
