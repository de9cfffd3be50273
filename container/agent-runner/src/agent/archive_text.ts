/** The text of an archived conversation, from the lines of a transcript. */

export interface Said {
  readonly by: 'user' | 'assistant';
  readonly text: string;
}

export interface Archive {
  readonly title: string;
  readonly at: Date;
  readonly assistantName: string;
  readonly dialogue: readonly Said[];
}

/** Longer messages are cut: the archive is for finding things again, not a copy of the transcript. */
const MESSAGE_CHARS_MAX = 2_000;

/** What was said, without tool calls, results and thinking. Lines that are not JSON are skipped. */
export function dialogueOf(transcript: string): Said[] {
  return transcript.split('\n').flatMap((line) => {
    const said = line.trim() === '' ? null : saidIn(line);
    return said === null ? [] : [said];
  });
}

export function renderArchive(archive: Archive): string {
  const at = archive.at.toLocaleString('en-US', {
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    hour12: true,
  });
  const lines = [`# ${archive.title}`, '', `Archived: ${at}`, '', '---', ''];
  for (const { by, text } of archive.dialogue) {
    const cut = text.length > MESSAGE_CHARS_MAX ? `${text.slice(0, MESSAGE_CHARS_MAX)}…` : text;
    lines.push(`**${by === 'user' ? 'User' : archive.assistantName}**: ${cut}`, '');
  }
  return lines.join('\n');
}

function saidIn(line: string): Said | null {
  let entry: { type?: unknown; isMeta?: unknown; message?: { content?: unknown } };
  try {
    entry = JSON.parse(line);
  } catch {
    return null;
  }
  const by = entry.type;
  if ((by !== 'user' && by !== 'assistant') || entry.isMeta === true) return null;
  const text = textOf(entry.message?.content);
  return text === '' ? null : { by, text };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((block: { type?: string; text?: string }) => (block.type === 'text' ? (block.text ?? '') : ''))
    .join('');
}
