/**
 * Pictures of a prompt as the blocks the model looks at. The host has checked what they are; what cannot be read
 * any more is left out, since the text names every file anyway.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Prompt } from '../ipc/messages.js';
import { log } from '../log.js';

export type Picture = NonNullable<Prompt['pictures']>[number];
export type Content = SDKUserMessage['message']['content'];

/** Largest picture the API takes is 5 MB as base64. */
const BYTES_MAX = 3_750_000;

/** The text alone, or the pictures and then the text, as the API's documentation advises. */
export async function contentOf(
  text: string,
  pictures: readonly Picture[],
  workspace: string,
): Promise<Content> {
  const blocks = (await Promise.all(pictures.map((picture) => block(picture, workspace)))).flat();
  return blocks.length === 0 ? text : [...blocks, { type: 'text' as const, text }];
}

async function block({ path, media_type }: Picture, workspace: string) {
  try {
    const file = await open(join(workspace, path));
    try {
      const { size } = await file.stat();
      if (size > BYTES_MAX) throw new Error(`it has ${size} bytes`);
      const data = (await file.readFile()).toString('base64');
      return [{ type: 'image' as const, source: { type: 'base64' as const, media_type, data } }];
    } finally {
      await file.close();
    }
  } catch (error) {
    log(`a picture is not shown: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
