/** Which agent-runner and which SDK this is, as package.json pins them. */
import { readFileSync } from 'node:fs';

export function versions(): { agent_runner: string; sdk: string } {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  return {
    agent_runner: manifest.version,
    sdk: manifest.dependencies['@anthropic-ai/claude-agent-sdk'] ?? 'unknown',
  };
}
