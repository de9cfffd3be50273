/** Pictures of a prompt reach the model as image blocks, and a missing one does not cost the prompt. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { contentOf } from '../src/agent/pictures.js';

const workspace = mkdtempSync(join(tmpdir(), 'pictures-'));
mkdirSync(join(workspace, 'attachments'));
writeFileSync(join(workspace, 'attachments', 'a.png'), 'PNG');
const picture = { path: 'attachments/a.png', media_type: 'image/png' } as const;

test('a prompt without pictures is plain text', async () => {
  assert.equal(await contentOf('hi', [], workspace), 'hi');
});

test('a picture is shown before the text', async () => {
  assert.deepEqual(await contentOf('look', [picture], workspace), [
    {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: Buffer.from('PNG').toString('base64') },
    },
    { type: 'text', text: 'look' },
  ]);
});

test('a picture that is gone or too large is left out', async () => {
  writeFileSync(join(workspace, 'attachments', 'large.png'), Buffer.alloc(3_750_001));
  const large = { ...picture, path: 'attachments/large.png' };
  const gone = { ...picture, path: 'attachments/none.png' };
  assert.equal(await contentOf('look', [gone, large], workspace), 'look');
});
