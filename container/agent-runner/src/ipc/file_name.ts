/** Names of mailbox files: a 20-digit sequence from 1, so that order by name is order by time. */
const PATTERN = /^(\d{20})\.json$/;

export function fileName(sequence: bigint): string {
  return `${sequence.toString().padStart(20, '0')}.json`;
}

/** The sequence of a mailbox file, or null for anything else (a temporary file, a stranger's). */
export function sequenceOf(name: string): bigint | null {
  const match = PATTERN.exec(name);
  return match?.[1] === undefined ? null : BigInt(match[1]);
}
