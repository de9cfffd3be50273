/**
 * Both signs of life: ours for the host, and the watch on the host's. A sandbox whose host is gone or fenced must stop by
 * itself. Only "did it change" is compared, never the two clocks.
 */
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { log } from './log.js';

const BEAT_MS = 5_000;
const WATCH_MS = 1_000;
/** A host that was silent for this long has been fenced or is dead. */
const HOST_SILENCE_MAX_MS = 12_000;

/** Exit code after which the host knows that nobody but the watchdog ended this run. */
export const EXIT_HOST_SILENT = 75;

/** Touches our heartbeat file until the process ends. */
export function startHeartbeat(file: string): NodeJS.Timeout {
  const beat = (): void => {
    try {
      touch(file);
    } catch (error) {
      log(`heartbeat not written: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
    }
  };
  beat();
  return setInterval(beat, BEAT_MS).unref();
}

/** Calls `onSilent` once when the host's heartbeat file stays unchanged too long. */
export function watchHost(
  file: string,
  onSilent: () => void,
  silenceMaxMs: number = HOST_SILENCE_MAX_MS,
): NodeJS.Timeout {
  let seen = modifiedAt(file);
  let changedAt = performance.now();
  const timer = setInterval(() => {
    const now = modifiedAt(file);
    if (now !== seen) {
      seen = now;
      changedAt = performance.now();
    } else if (performance.now() - changedAt > silenceMaxMs) {
      clearInterval(timer);
      onSilent();
    }
  }, WATCH_MS);
  return timer;
}

function touch(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    writeFileSync(file, '');
  }
}

/** Null when there is no such file, which counts as unchanged. */
function modifiedAt(file: string): bigint | null {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? null;
}
