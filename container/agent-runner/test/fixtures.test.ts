/** The golden files both sides test: what the host sends is understood, what is sent here looks exactly like them. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseHostMessage } from '../src/ipc/messages.js';
import { matchesShape, shapes } from './shapes.js';

const FIXTURES = fileURLToPath(new URL('../../../../proto/fixtures/ipc/', import.meta.url));

function examples(direction: string): [name: string, text: string][] {
  const dir = `${FIXTURES}${direction}/`;
  return readdirSync(dir).map((name) => [name, readFileSync(dir + name, 'utf8')]);
}

test('every host_to_agent example is understood without loss', () => {
  const all = examples('host_to_agent');
  assert.ok(all.length >= 12);
  for (const [name, text] of all) assert.deepEqual(parseHostMessage(text), JSON.parse(text), name);
});

test('every agent_to_host example has the shape this side sends', () => {
  const all = examples('agent_to_host');
  assert.ok(all.length >= 25);
  for (const [name, text] of all) assert.equal(matchesShape(JSON.parse(text)), null, name);
});

test('every invalid agent_to_host example has another shape', () => {
  const all = examples('invalid/agent_to_host');
  assert.ok(all.length >= 20);
  for (const [name, text] of all) assert.notEqual(matchesShape(JSON.parse(text)), null, name);
});

test('each kind of message has an example', () => {
  const kinds = new Set(examples('agent_to_host').map(([, text]) => JSON.parse(text).type));
  assert.deepEqual([...kinds].sort(), Object.keys(shapes).sort());
});

test('an unknown type is not an error, another version is', () => {
  assert.deepEqual(parseHostMessage('{"v":1,"type":"tea"}'), { type: 'unknown', named: 'tea' });
  assert.throws(() => parseHostMessage('{"v":2,"type":"close","reason":"idle"}'));
});

test('a wrong field is named, its value is not', () => {
  const text = '{"v":1,"type":"close","reason":"a secret reason"}';
  assert.throws(
    () => parseHostMessage(text),
    (error: Error) => error.message.startsWith('close: reason') && !error.message.includes('a secret'),
  );
});
