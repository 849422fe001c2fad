/** What was sent and what became of it: a line a schema, a column a fault. */

import { poisons } from './poison.ts';
import type { Outcomes } from './run.ts';

/** Of each outcome its first letter and how often it came: `r8 s2`. */
export function printOutcomes(outcomes: Outcomes, say: (line: string) => void): void {
  const schemas = [...new Set([...outcomes.keys()].map((key) => key.split(' | ')[0] ?? ''))];
  const first = Math.max(...schemas.map(({ length }) => length));
  say('r refused, s stored, t taken, a set aside, F a fault');
  for (const [at, { name }] of poisons.entries()) say(`${String(at + 1).padStart(3)}  ${name}`);
  say(''.padEnd(first) + poisons.map((_, at) => String(at + 1).padStart(8)).join(''));
  for (const schema of schemas) {
    const cells = poisons.map(({ name }) => cellOf(outcomes.get(`${schema} | ${name}`)));
    say(schema.padEnd(first) + cells.map((cell) => cell.padStart(8)).join(''));
  }
}

function cellOf(counts: ReadonlyMap<string, number> = new Map()): string {
  const letterOf = (outcome: string) => (outcome === 'set aside' ? 'a' : outcome.slice(0, 1));
  return [...counts].map(([outcome, count]) => `${letterOf(outcome)}${count}`).join(' ');
}
