/** The environment of the SDK's child process and so of every command the agent runs. */

/** Set unless the image or the host already says something else. */
const DEFAULTS: Record<string, string> = {
  // Nothing but the proxy can be reached; each of these would cost start-up time or a time-out.
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: '1',
  CLAUDE_CODE_DISABLE_TERMINAL_TITLE: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_ERROR_REPORTING: '1',
  DISABLE_TELEMETRY: '1',
  // Its timers die with the sandbox; tasks belong to the host.
  CLAUDE_CODE_DISABLE_CRON: '1',
  // Some seconds of patience. Longer waits are the host's: its back-off survives a restart and frees the slot.
  CLAUDE_CODE_MAX_RETRIES: '4',
  // A failing start becomes a result with a reason instead of an exit code.
  CLAUDE_CODE_STARTUP_FAILURE_RESULTS: '1',
};

/** Other ways to sign in, which would win over the token. */
const FOREIGN_CREDENTIALS = ['ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_CUSTOM_HEADERS'];

export function childEnvironment(
  own: NodeJS.ProcessEnv,
  forwarderPort: number,
  token: string,
): Record<string, string | undefined> {
  const environment: Record<string, string | undefined> = { ...DEFAULTS, ...own };
  for (const name of Object.keys(environment)) {
    if (name.startsWith('CLAWHOLD_') || FOREIGN_CREDENTIALS.includes(name)) delete environment[name];
  }
  environment['ANTHROPIC_BASE_URL'] = `http://127.0.0.1:${forwarderPort}`;
  environment['ANTHROPIC_API_KEY'] = token;
  return environment;
}
