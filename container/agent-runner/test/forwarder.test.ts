import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startForwarder } from '../src/forwarder.js';

const STAND_ALONE = fileURLToPath(new URL('../../dist/forwarder.mjs', import.meta.url));
const RUNNERS_COPY = fileURLToPath(
  new URL('../../../../runner/src/workspace/forwarder.mjs', import.meta.url),
);

test('the copy that the runner mounts into foreign images is the one built here', () => {
  const same = readFileSync(RUNNERS_COPY).equals(readFileSync(STAND_ALONE));
  assert.ok(same, 'copy dist/forwarder.mjs to runner/src/workspace/forwarder.mjs');
});

function directory(context: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'forwarder-'));
  context.after(() => rmSync(dir, { recursive: true, maxRetries: 5 }));
  return dir;
}

function proxyAt(context: TestContext, path: string, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, serve);
  context.after(() => server.close());
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

async function forwarding(context: TestContext, proxy: string): Promise<number> {
  const { server, port } = await startForwarder(proxy);
  context.after(() => server.close());
  return port;
}

function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

test('bytes go both ways, and a half-closed request still gets its answer', async (context) => {
  const path = join(directory(context), 'proxy.sock');
  await proxyAt(context, path, async (socket) => socket.end(`heard ${await readAll(socket)}`));
  const client = connect(await forwarding(context, path), '127.0.0.1');
  client.end('hello');
  assert.equal(await readAll(client), 'heard hello');
});

test('the proxy may be a TCP address', async (context) => {
  const server = createServer((socket) => socket.end('over tcp'));
  context.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const client = connect(await forwarding(context, `127.0.0.1:${port}`), '127.0.0.1');
  assert.equal(await readAll(client), 'over tcp');
});

test('a proxy that is not there closes the connection instead of hanging it', async (context) => {
  const client = connect(await forwarding(context, '/no/such.sock'), '127.0.0.1');
  client.on('error', () => {});
  await new Promise((resolve) => client.on('close', resolve));
});

test('a reader that stops reading stops the writer', async (context) => {
  const path = join(directory(context), 'proxy.sock');
  let upstream: Socket | undefined;
  await proxyAt(context, path, (socket) => {
    upstream = socket;
    socket.on('error', () => {});
    const write = (): void => {
      while (socket.write(Buffer.alloc(64 * 1024)));
    };
    socket.on('drain', write);
    write();
  });
  const client = connect(await forwarding(context, path), '127.0.0.1');
  client.pause();
  await new Promise((resolve) => client.on('connect', resolve));
  let written = -1;
  const deadline = Date.now() + 10_000;
  // Buffers of the kernel and of the pipe fill up, then nothing moves any more.
  while (upstream === undefined || written !== upstream.bytesWritten) {
    assert.ok(Date.now() < deadline, 'the writer never stopped');
    written = upstream?.bytesWritten ?? -1;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(written < 64 * 1024 * 1024);
  client.destroy();
});

interface Run {
  readonly code: number | null;
  readonly out: string;
}

function standAlone(
  context: TestContext,
  command: string[],
  input = '',
  signal?: NodeJS.Signals,
): Promise<Run> {
  const dir = directory(context);
  // Alone in a directory, as it is when mounted into a foreign image.
  const file = join(dir, 'forwarder.mjs');
  copyFileSync(STAND_ALONE, file);
  const env = {
    PATH: process.env['PATH'],
    CLAWHOLD_IN: dir,
    CLAWHOLD_FORWARD_PORT: '18473',
    CLAWHOLD_TOKEN: 't',
  };
  const child = spawn(process.execPath, [file, '--', ...command], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(input);
  return new Promise((resolve) => {
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (signal !== undefined) child.kill(signal);
    });
    child.on('close', (code) => resolve({ code, out }));
  });
}

test('stand-alone: the command gets the streams, and its exit code is passed on', async (context) => {
  const run = await standAlone(context, ['sh', '-c', 'cat; env | grep -c CLAWHOLD; exit 7'], 'over stdin\n');
  assert.deepEqual(run, { code: 7, out: 'over stdin\n0\n' });
});

test('stand-alone: the port is open before the command starts', async (context) => {
  const probe =
    "require('net').connect(18473,'127.0.0.1').on('connect',()=>{console.log('open');process.exit()})";
  const run = await standAlone(context, [process.execPath, '-e', probe]);
  assert.deepEqual(run, { code: 0, out: 'open\n' });
});

test('stand-alone: a signal reaches the command', async (context) => {
  const script = 'trap "exit 42" TERM; echo ready; while :; do sleep 0.05; done';
  const run = await standAlone(context, ['sh', '-c', script], '', 'SIGTERM');
  assert.deepEqual(run, { code: 42, out: 'ready\n' });
});

test('stand-alone: a command that cannot be run, and no command', async (context) => {
  assert.equal((await standAlone(context, ['/no/such/program'])).code, 127);
  assert.equal((await standAlone(context, [])).code, 64);
});

test('the file imports nothing but Node', () => {
  const imports = [...readFileSync(STAND_ALONE, 'utf8').matchAll(/from '([^']+)'/g)].map(([, name]) => name);
  assert.ok(imports.length > 0);
  for (const name of imports) assert.match(name ?? '', /^node:/);
});
