/**
 * Before the SDK compacts a conversation, keeps it readable in the group's workspace (AR-14). Never fails a turn, never
 * overwrites an earlier archive (AR-D5).
 */
import type { HookCallback } from '@anthropic-ai/claude-agent-sdk';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf } from '../fatal.js';
import { log } from '../log.js';
import { dialogueOf, renderArchive } from './archive_text.js';

/** Archives of one day under one title; beyond it something compacts in a loop. */
const SAME_NAME_MAX = 100;

export function archiveBeforeCompaction(groupDir: string, assistantName: string): HookCallback {
  return async (input) => {
    if (input.hook_event_name !== 'PreCompact') return {};
    try {
      const lines = await readFile(input.transcript_path, 'utf8');
      const dialogue = dialogueOf(lines);
      if (dialogue.length === 0) return {};
      const title = await sessionSummary(dirname(input.transcript_path), input.session_id);
      const now = new Date();
      const text = renderArchive({ title: title ?? 'Conversation', at: now, assistantName, dialogue });
      await writeNew(join(groupDir, 'conversations'), `${day(now)}-${slug(title) ?? clock(now)}`, text);
    } catch (error) {
      log(`conversation not archived: ${reasonOf(error)}`);
    }
    return {};
  };
}

async function writeNew(dir: string, name: string, text: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (let n = 1; n <= SAME_NAME_MAX; n++) {
    try {
      const file = await open(join(dir, n === 1 ? `${name}.md` : `${name}-${n}.md`), 'wx');
      await file.writeFile(text).finally(() => file.close());
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error(`more than ${SAME_NAME_MAX} archives named ${name}`);
}

async function sessionSummary(projectDir: string, sessionId: string): Promise<string | null> {
  try {
    const index = JSON.parse(await readFile(join(projectDir, 'sessions-index.json'), 'utf8')) as {
      entries?: { sessionId?: string; summary?: string }[];
    };
    return index.entries?.find((entry) => entry.sessionId === sessionId)?.summary || null;
  } catch {
    return null;
  }
}

function slug(title: string | null): string | null {
  const text = (title ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50);
  return text === '' ? null : text;
}

// The container's TZ is the group's zone, so local time is the user's.
function day(at: Date): string {
  return [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
}

function clock(at: Date): string {
  return `conversation-${two(at.getHours())}${two(at.getMinutes())}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
