/** Writes one line to stderr (AR-15). Never pass message texts, prompts or credentials. */
export function log(line: string): void {
  process.stderr.write(`[agent-runner] ${line}\n`);
}
