/** MCP-08: makes a chat a group. The host decides who may. */
import { tool } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { callHost, type ToolPorts } from './call.js';

export function registerGroup(ports: ToolPorts) {
  return tool(
    'register_group',
    'Register a new chat so that the agent can respond to messages there. Main group only. The folder name must be ' +
      'channel-prefixed: "{channel}_{group-name}" (e.g. "whatsapp_family-chat", "telegram_dev-team"), lower case with ' +
      'hyphens for the group name part.',
    {
      jid: z.string().min(1).describe('The chat id (e.g. "120363336345536173@g.us", "tg:-1001234567890")'),
      name: z.string().min(1).describe('Display name for the group'),
      folder: z.string().min(1).describe('Channel-prefixed folder name (e.g. "telegram_dev-team")'),
      trigger: z.string().min(1).describe('Trigger word (e.g. "@Andy")'),
      requires_trigger: z
        .boolean()
        .optional()
        .describe('false: respond to every message; default: only to messages with the trigger'),
    },
    ({ jid, name, folder, trigger, requires_trigger }, extra) =>
      callHost(
        ports,
        'register_group',
        { jid, name, folder, trigger, requires_trigger: requires_trigger ?? null },
        extra,
        () => `Group "${name}" registered. It will start receiving messages immediately.`,
      ),
  );
}
