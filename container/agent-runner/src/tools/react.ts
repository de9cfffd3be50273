/** Puts an emoji on a message. */
import { tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { callHost, type ToolPorts } from './call.js';

export function react(ports: ToolPorts) {
  return tool(
    'react',
    'React to a message with an emoji, where the chat platform can. Use it instead of a message when an emoji says it all.',
    {
      emoji: z.string().min(1).describe('One emoji, e.g. "👍"'),
      message_id: z
        .string()
        .optional()
        .describe('The id attribute of the message to react to; default: the message that called you'),
    },
    ({ emoji, message_id }, extra) =>
      callHost(
        ports,
        'react',
        { emoji, message_id: message_id ?? null },
        extra,
        () => 'Reaction accepted for delivery.',
      ),
  );
}
