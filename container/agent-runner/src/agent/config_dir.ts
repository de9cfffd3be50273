/** The SDK's own directory: sessions, skills, settings. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Fatal, reasonOf } from '../fatal.js';

/**
 * Returns the directory the SDK's child will use. A home it cannot use is refused: the child would run all the same, but
 * retry every write, seconds long, and forget the session (seen with a tmpfs that belongs to another uid).
 */
export function configDirectory(variables: NodeJS.ProcessEnv): string {
  const home = homedir();
  const dir = variables['CLAUDE_CONFIG_DIR'] || join(home, '.claude');
  try {
    accessSync(home, constants.W_OK | constants.X_OK);
    mkdirSync(dir, { recursive: true });
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Fatal('bad_input', `the home directory cannot be used: ${reasonOf(error)}`);
  }
  return dir;
}
