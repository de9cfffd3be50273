/** MCP-01: says something in the chat while the turn goes on. */
import { tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { callHost, type ToolPorts } from './call.js';

export function sendMessage(ports: ToolPorts) {
  return tool(
    'send_message',
    "Send a message to the user or group immediately while you're still running. Use this for progress updates or to " +
      'send several messages. Your final answer is sent anyway, so do not repeat it. When running as a scheduled ' +
      'task, the final answer is sent as well; wrap it in <internal> tags if the message already said everything.',
    {
      text: z.string().min(1).describe('The message text to send'),
      sender: z
        .string()
        .optional()
        .describe(
          'Your role or identity (e.g. "Researcher"), shown as the sender where the chat platform can',
        ),
    },
    ({ text, sender }, extra) =>
      callHost(
        ports,
        'send_message',
        { text, sender: sender ?? null },
        extra,
        () => 'Message accepted for delivery.',
      ),
  );
}
