/**
 * The tools the agent has beyond the SDK's own, under the server name NanoClaw's skills expect (`mcp__nanoclaw__…`). They run
 * in this process; each is one request to the host, and the agent gets the host's real answer (MCP-D4).
 */
import {
  createSdkMcpServer,
  type McpSdkServerConfigWithInstance,
  type SdkMcpToolDefinition,
} from '@anthropic-ai/claude-agent-sdk';
import { log } from '../log.js';
import type { ToolPorts } from './call.js';
import { react } from './react.js';
import { registerGroup } from './register_group.js';
import { sendFile } from './send_file.js';
import { sendMessage } from './send_message.js';
import { taskTools } from './tasks.js';

export const SERVER_NAME = 'nanoclaw';

/** Offers exactly the tools in `names`; what the host does not offer, the model does not see. */
export function toolServer(names: readonly string[], ports: ToolPorts): McpSdkServerConfigWithInstance {
  // The SDK's own type for a mixed list.
  const all: SdkMcpToolDefinition<any>[] = [
    sendMessage(ports),
    sendFile(ports),
    react(ports),
    registerGroup(ports),
    ...taskTools(ports),
  ];
  const known = new Set(all.map((tool) => tool.name));
  for (const name of names) {
    if (!known.has(name)) log(`ignoring unknown tool ${JSON.stringify(name.slice(0, 40))}`);
  }
  return createSdkMcpServer({
    name: SERVER_NAME,
    version: '1.0.0',
    // A tool hidden behind tool search costs a model call before the first reply.
    alwaysLoad: true,
    tools: all.filter((tool) => names.includes(tool.name)),
  });
}
