/** The child's half of `measured-child.ts`: its request, its lines. */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { encodeJson } from '../shared/json.ts';

/** The request, when it has come. The process ends when its parent is gone. */
export async function childRequest(): Promise<unknown> {
  sacrifice();
  const { promise, resolve } = Promise.withResolvers<string>();
  const lines = createInterface({ input: process.stdin });
  lines.once('line', resolve);
  lines.once('close', () => process.exit(3));
  return JSON.parse(await promise);
}

/** Prints the result, the last line, and ends the process without waiting for native threads. */
export function childResult(result: unknown): void {
  process.stdout.write(`${encodeJson(result)}\n`, () => process.exit(0));
}

export function childLine(line: unknown): void {
  process.stdout.write(`${encodeJson(line)}\n`);
}

/**
 * When memory runs out, the kernel shall end this process before any other. proc(5):
 * oom_score_adj.
 */
function sacrifice(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux, or not allowed.
  }
}
