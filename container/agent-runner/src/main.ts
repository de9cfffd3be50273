/**
 * Runs one group's agent: waits for `start`, talks until `close`, then leaves. Every end is told: exit 0 after a `close`, a
 * `fatal` file and exit 1 for anything that went wrong, 75 when the host fell silent.
 */
import { archiveBeforeCompaction } from './agent/archive.js';
import { childEnvironment } from './agent/child_environment.js';
import { configDirectory } from './agent/config_dir.js';
import { Conversation } from './agent/conversation.js';
import { Prompts } from './agent/prompts.js';
import { Transcript } from './agent/transcript.js';
import { takeEnvironment, type Environment } from './environment.js';
import { Fatal, reasonOf } from './fatal.js';
import { startForwarder } from './forwarder.js';
import { EXIT_HOST_SILENT, startHeartbeat, watchHost } from './heartbeat.js';
import { Inbox } from './ipc/inbox.js';
import type { HostMessage, Start } from './ipc/messages.js';
import { Outbox } from './ipc/outbox.js';
import { Requests } from './ipc/requests.js';
import { log } from './log.js';
import { toolServer } from './tools/server.js';
import { versions } from './version.js';

async function main(): Promise<void> {
  let environment: Environment;
  try {
    environment = takeEnvironment(process.env);
  } catch (error) {
    // Without the two directories there is nowhere to put a file.
    log(reasonOf(error));
    process.exit(1);
  }
  const outbox = new Outbox(environment.outboxDir);
  // A timer's failed write (disk full) has no caller to tell.
  process.on('uncaughtException', (error) => fail(outbox, error));
  try {
    await run(environment, outbox);
    process.exit(0);
  } catch (error) {
    fail(outbox, error);
  }
}

async function run(environment: Environment, outbox: Outbox): Promise<void> {
  startHeartbeat(environment.ownHeartbeatFile);
  watchHost(environment.hostHeartbeatFile, () => {
    log('the host is silent, leaving');
    process.exit(EXIT_HOST_SILENT);
  });
  outbox.send({ type: 'ready', ...versions() });

  const requests = new Requests(outbox);
  const prompts = new Prompts(environment.workspace.group);
  const start = await receive(environment, requests, prompts, (fatal) => fail(outbox, fatal));
  const configDir = configDirectory(process.env);
  const forwarder = await startForwarder(environment.proxy);
  const transcript = new Transcript(requests, configDir);
  await new Conversation(
    {
      start,
      workspace: environment.workspace,
      environment: childEnvironment(process.env, forwarder.port, environment.token),
      transcript,
      toolServer: () => toolServer(start.tools, { requests, toolUses: transcript.toolUses }),
      beforeCompaction: archiveBeforeCompaction(environment.workspace.group, start.assistant_name),
    },
    prompts,
    outbox,
  ).run();
}

/** Opens the inbox and resolves with `start`, which has to come first; everything later goes where it belongs. */
function receive(
  environment: Environment,
  requests: Requests,
  prompts: Prompts,
  onFatal: (fatal: Fatal) => void,
): Promise<Start> {
  return new Promise((resolve) => {
    let started = false;
    const onMessage = (message: HostMessage): void => {
      if (started === (message.type === 'start')) {
        throw new Fatal('bad_input', started ? 'a second start' : `${message.type} before start`);
      }
      switch (message.type) {
        case 'start':
          started = true;
          prompts.push(message.prompt);
          return resolve(message);
        case 'prompt':
          return prompts.push(message.prompt);
        case 'answer':
          return requests.settle(message);
        case 'close':
          log(`closing: ${message.reason}`);
          return prompts.close();
      }
    };
    new Inbox(environment.inboxDir, onMessage, onFatal).open();
  });
}

function fail(outbox: Outbox, error: unknown): never {
  const fatal = error instanceof Fatal ? error : new Fatal('sdk', reasonOf(error));
  log(`${fatal.code}: ${fatal.message}`);
  try {
    outbox.send({ type: 'fatal', code: fatal.code, message: fatal.message });
  } catch (unsent) {
    log(`fatal not written: ${reasonOf(unsent)}`);
  }
  process.exit(1);
}

await main();
