/** The SDK options of one session: what the agent may use, sees and is told. */
import type { HookCallback, McpSdkServerConfigWithInstance, Options } from '@anthropic-ai/claude-agent-sdk';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from '../environment.js';
import type { Start } from '../ipc/messages.js';
import { log } from '../log.js';
import { SERVER_NAME } from '../tools/server.js';
import type { Transcript } from './transcript.js';

/** AR-12, with `Agent`, the present name of `Task`. */
const BUILT_IN_TOOLS = [
  ...['Bash', 'Read', 'Write', 'Edit', 'Glob', 'Grep', 'WebSearch', 'WebFetch'],
  ...['Task', 'Agent', 'TaskOutput', 'TaskStop', 'TeamCreate', 'TeamDelete', 'SendMessage'],
  ...['TodoWrite', 'ToolSearch', 'Skill', 'NotebookEdit'],
];

export interface SessionParts {
  readonly start: Start;
  readonly workspace: Workspace;
  readonly environment: Record<string, string | undefined>;
  readonly transcript: Transcript;
  /** Makes a tool server for one session: an instance serves one connection. */
  readonly toolServer: () => McpSdkServerConfigWithInstance;
  readonly beforeCompaction: HookCallback;
}

export function sessionOptions(parts: SessionParts, resume: string | null): Options {
  const { start, workspace } = parts;
  const memory = start.group.is_main ? null : globalMemory(workspace);
  return {
    cwd: workspace.group,
    additionalDirectories: extraDirectories(workspace),
    systemPrompt: {
      type: 'preset',
      preset: 'claude_code',
      ...(memory === null ? {} : { append: memory }),
    },
    settingSources: ['project', 'user'],
    // The sandbox is the boundary; nobody is there to be asked.
    permissionMode: 'bypassPermissions',
    allowDangerouslySkipPermissions: true,
    tools: BUILT_IN_TOOLS,
    allowedTools: [...BUILT_IN_TOOLS, `mcp__${SERVER_NAME}__*`],
    mcpServers: { [SERVER_NAME]: parts.toolServer() },
    hooks: { PreCompact: [{ hooks: [parts.beforeCompaction] }] },
    sessionStore: parts.transcript,
    // A crash repeats at most one step.
    sessionStoreFlush: 'eager',
    includePartialMessages: true,
    // Chat text is untrusted: no `@path`, no slash commands.
    verbatimPrompts: true,
    env: parts.environment,
    stderr: (text) => log(`claude: ${text.trimEnd()}`),
    ...(resume === null ? {} : { resume }),
    ...(start.model === null ? {} : { model: start.model }),
    ...(start.max_turns === null ? {} : { maxTurns: start.max_turns }),
    ...(start.max_budget_usd === null ? {} : { maxBudgetUsd: start.max_budget_usd }),
  };
}

function extraDirectories(workspace: Workspace): string[] {
  try {
    return readdirSync(workspace.extra, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(workspace.extra, entry.name))
      .sort();
  } catch {
    return [];
  }
}

function globalMemory(workspace: Workspace): string | null {
  try {
    return readFileSync(join(workspace.global, 'CLAUDE.md'), 'utf8') || null;
  } catch {
    return null;
  }
}
