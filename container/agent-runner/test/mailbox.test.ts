import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Fatal } from '../src/fatal.js';
import { fileName, sequenceOf } from '../src/ipc/file_name.js';
import { Inbox } from '../src/ipc/inbox.js';
import type { HostMessage } from '../src/ipc/messages.js';
import { MESSAGE_BYTES_MAX, Outbox } from '../src/ipc/outbox.js';
import { Refused, Requests } from '../src/ipc/requests.js';

function directory(context: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'mailbox-'));
  context.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function arrive(dir: string, sequence: bigint, message: object): void {
  const temporary = join(dir, `.${fileName(sequence)}.tmp`);
  writeFileSync(temporary, JSON.stringify({ v: 1, ...message }));
  renameSync(temporary, join(dir, fileName(sequence)));
}

interface Reading {
  readonly got: HostMessage[];
  readonly fatals: Fatal[];
  readonly inbox: Inbox;
}

function reading(context: TestContext, dir: string): Reading {
  const got: HostMessage[] = [];
  const fatals: Fatal[] = [];
  const inbox = new Inbox(
    dir,
    (message) => got.push(message),
    (fatal) => fatals.push(fatal),
  );
  context.after(() => inbox.close());
  inbox.open();
  return { got, fatals, inbox };
}

async function until(predicate: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!predicate()) {
    assert.ok(Date.now() < deadline, 'time-out');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('names sort like their sequences', () => {
  assert.equal(fileName(1n), '00000000000000000001.json');
  assert.equal(sequenceOf(fileName(2n ** 63n)), 2n ** 63n);
  for (const name of ['.00000000000000000001.json.tmp', '1.json', 'x']) assert.equal(sequenceOf(name), null);
});

test('what is written is complete under its final name, in order', (context) => {
  const dir = directory(context);
  const outbox = new Outbox(dir);
  outbox.send({ type: 'progress', kind: 'text', text: 'a' });
  outbox.send({ type: 'progress', kind: 'text', text: 'b' });
  assert.deepEqual(readdirSync(dir).sort(), [fileName(1n), fileName(2n)]);
  const second = JSON.parse(readFileSync(join(dir, fileName(2n)), 'utf8'));
  assert.deepEqual(second, { v: 1, type: 'progress', kind: 'text', text: 'b' });
});

test('a file that the host has read is written into', (context) => {
  const dir = directory(context);
  const outbox = new Outbox(dir);
  outbox.send({ type: 'progress', kind: 'text', text: 'a long one' });
  const inode = statSync(join(dir, fileName(1n))).ino;
  renameSync(join(dir, fileName(1n)), join(dir, '.spare.tmp'));
  outbox.send({ type: 'progress', kind: 'text', text: 'b' });
  assert.deepEqual(readdirSync(dir), [fileName(2n)]);
  assert.equal(statSync(join(dir, fileName(2n))).ino, inode);
  const second = JSON.parse(readFileSync(join(dir, fileName(2n)), 'utf8'));
  assert.deepEqual(second, { v: 1, type: 'progress', kind: 'text', text: 'b' });
});

test('what is no file under that name costs nothing but itself', (context) => {
  const dir = directory(context);
  const outbox = new Outbox(dir);
  const spare = join(dir, '.spare.tmp');
  const victim = join(dir, 'victim');
  writeFileSync(victim, 'untouched');
  mkdirSync(join(spare, 'inside'), { recursive: true });
  outbox.send({ type: 'progress', kind: 'text', text: 'a' });
  symlinkSync(victim, spare);
  outbox.send({ type: 'progress', kind: 'text', text: 'b' });
  assert.deepEqual(readdirSync(dir).sort(), [fileName(1n), fileName(2n), 'victim']);
  assert.equal(readFileSync(victim, 'utf8'), 'untouched');
  assert.equal(JSON.parse(readFileSync(join(dir, fileName(2n)), 'utf8')).text, 'b');
});

test('a message the host would refuse is refused here', (context) => {
  const outbox = new Outbox(directory(context));
  const text = 'x'.repeat(MESSAGE_BYTES_MAX);
  assert.throws(() => outbox.send({ type: 'progress', kind: 'text', text }));
});

test('files are read once, in order, whether they were there or come later', async (context) => {
  const dir = directory(context);
  arrive(dir, 2n, { type: 'close', reason: 'drain' });
  arrive(dir, 1n, { type: 'close', reason: 'idle' });
  const { got, inbox } = reading(context, dir);
  assert.equal(got.length, 2);
  arrive(dir, 3n, { type: 'close', reason: 'evicted' });
  await until(() => got.length === 3);
  inbox.drain();
  assert.deepEqual(
    got.map((message) => message.type === 'close' && message.reason),
    ['idle', 'drain', 'evicted'],
  );
});

test('files the host deleted meanwhile are not missed', async (context) => {
  const dir = directory(context);
  arrive(dir, 1n, { type: 'close', reason: 'idle' });
  const { got } = reading(context, dir);
  rmSync(join(dir, fileName(1n)));
  arrive(dir, 5n, { type: 'close', reason: 'idle' });
  await until(() => got.length === 2);
});

test('an unknown type is passed over', (context) => {
  const dir = directory(context);
  arrive(dir, 1n, { type: 'tea' });
  arrive(dir, 2n, { type: 'close', reason: 'idle' });
  const { got, fatals } = reading(context, dir);
  assert.equal(got.length, 1);
  assert.equal(fatals.length, 0);
});

test('text that is not JSON is fatal and not quoted', (context) => {
  const dir = directory(context);
  writeFileSync(join(dir, fileName(1n)), 'secret');
  const { fatals } = reading(context, dir);
  assert.equal(fatals[0]?.code, 'bad_input');
  assert.ok(!fatals[0]?.message.includes('secret'));
});

test('an answer settles the request it names, a refusal with its code', async () => {
  const requests = new Requests({ send: () => 1n });
  const asked = requests.ask('a', 'send_message', {});
  const refused = requests.ask('b', 'register_group', {});
  requests.settle({ v: 1, type: 'answer', id: 'unknown', ok: true, result: {} });
  requests.settle({
    v: 1,
    type: 'answer',
    id: 'b',
    ok: false,
    error: { code: 'not_authorised', message: 'no' },
  });
  requests.settle({ v: 1, type: 'answer', id: 'a', ok: true, result: { x: 1 } });
  assert.deepEqual(await asked, { x: 1 });
  await assert.rejects(refused, (error: Refused) => error.code === 'not_authorised');
});

test('no answer is an error', async () => {
  const requests = new Requests({ send: () => 1n }, 10);
  await assert.rejects(requests.ask('a', 'send_message', {}), (error: Refused) => error.code === 'timeout');
});
