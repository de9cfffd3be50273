/**
 * What the sandbox tells this process through its environment. Read once, then removed from `process.env`, so that
 * neither the agent nor its tools inherit it.
 */
import { join } from 'node:path';
import { Fatal } from './fatal.js';

export interface Environment {
  /** Mailbox the host writes; read-only in the sandbox. */
  readonly inboxDir: string;
  /** Mailbox this process writes. */
  readonly outboxDir: string;
  readonly hostHeartbeatFile: string;
  readonly ownHeartbeatFile: string;
  /** Where the forwarder dials: the proxy's Unix socket, or `host:port` when the sandbox has a bridge instead. */
  readonly proxy: string;
  /** Per-run token, the only credential in the sandbox. */
  readonly token: string;
  readonly workspace: Workspace;
}

export interface Workspace {
  /** The agent's working directory. */
  readonly group: string;
  /** Read-only memory of all groups; absent for the main group. */
  readonly global: string;
  /** Parent of the extra mounts. */
  readonly extra: string;
}

/** @throws Fatal `bad_input` naming the variable that is missing. */
export function takeEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const inDir = required(variables, 'CLAWHOLD_IN');
  const outDir = required(variables, 'CLAWHOLD_OUT');
  // Only tests move the workspace; in a sandbox it is always mounted here.
  const workspace = variables['CLAWHOLD_WORKSPACE'] ?? '/workspace';
  const environment: Environment = {
    inboxDir: join(inDir, 'mail'),
    outboxDir: join(outDir, 'mail'),
    hostHeartbeatFile: join(inDir, 'heartbeat'),
    ownHeartbeatFile: join(outDir, 'heartbeat'),
    proxy: variables['CLAWHOLD_PROXY_ADDR'] || join(inDir, 'proxy.sock'),
    token: required(variables, 'CLAWHOLD_TOKEN'),
    workspace: {
      group: join(workspace, 'group'),
      global: join(workspace, 'global'),
      extra: join(workspace, 'extra'),
    },
  };
  for (const name of Object.keys(variables)) {
    if (name.startsWith('CLAWHOLD_')) delete variables[name];
  }
  return environment;
}

function required(variables: NodeJS.ProcessEnv, name: string): string {
  const value = variables[name];
  if (!value) throw new Fatal('bad_input', `environment variable ${name} is not set`);
  return value;
}
