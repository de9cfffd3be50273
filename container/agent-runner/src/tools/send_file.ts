/** Sends a file of the workspace to the chat. The host reads it, and says no to what lies elsewhere. */
import { tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { callHost, type ToolPorts } from './call.js';

export function sendFile(ports: ToolPorts) {
  return tool(
    'send_file',
    'Send a file from your workspace (/workspace/group) to the chat, where the chat platform takes files. Copy a file ' +
      'there first if it lies elsewhere.',
    {
      path: z
        .string()
        .min(1)
        .describe('Path of the file in the workspace, e.g. "reports/may.pdf" or "/workspace/group/plot.png"'),
      caption: z.string().optional().describe('Text to show with the file'),
    },
    ({ path, caption }, extra) =>
      callHost(
        ports,
        'send_file',
        { path, caption: caption ?? null },
        extra,
        () => 'File accepted for delivery.',
      ),
  );
}
