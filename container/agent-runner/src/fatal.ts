/** Why this process has to stop; the host reads the code from a `fatal` file and decides what to do with the turn. */
export type FatalCode = 'bad_input' | 'host' | 'sdk' | 'transcript';

export class Fatal extends Error {
  constructor(
    readonly code: FatalCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Fatal';
  }
}

/** The text of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
