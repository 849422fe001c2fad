/**
 * `npm run bench [name… [-- --only SUBJECT,…]]`: lists the benches, or runs the named ones and
 * keeps their results.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { formatTable } from '../shared/terminal/table.ts';
import { formatNumber } from '../shared/terminal/units.ts';
import type { Bench, BenchResult } from './bench.ts';
import { describeMachine, type Machine, machineLine } from './machine.ts';

const folder = import.meta.dirname;
const notBenches = ['bench.ts', 'machine.ts', 'main.ts'];

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' } },
});
const only = values.only?.split(',') ?? null;

process.exitCode = await main(positionals);
process.exit();

async function main(asked: readonly string[]): Promise<number> {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !notBenches.includes(file))
    .map((file) => file.slice(0, -3));
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown) {
    console.error(`no bench ${unknown}; there are: ${names.join(', ')}`);
    return 2;
  }
  if (asked.length === 0) return list(names);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const machine = await describeMachine();
  console.log(machineLine(machine));
  for (const name of asked) {
    const bench = await load(name);
    const note = (text: string) => console.error(`  ${text}`);
    const asked = (subject: string) => only === null || only.includes(subject);
    const fresh = await bench.run({ signal: stop.signal, note, asked });
    const result = only === null ? fresh : { ...fresh, rows: withKept(name, machine, fresh) };
    await keep({ name, bench, machine, result });
  }
  return 0;
}

async function list(names: readonly string[]): Promise<number> {
  const rows = await Promise.all(names.map(async (name) => [name, (await load(name)).what]));
  for (const line of formatTable(rows)) console.log(line);
  console.log('\nnpm run bench <name>…   results go to bench/results/');
  return 0;
}

async function load(name: string): Promise<Bench> {
  const { bench }: { bench: Bench } = await import(`./${name}.ts`);
  return bench;
}

/** The rows of the subjects that were not measured now stay as this same machine left them. */
function withKept(name: string, machine: Machine, { rows }: BenchResult): BenchResult['rows'] {
  const path = join(folder, 'results', `${name}.json`);
  if (!existsSync(path)) return rows;
  const kept: BenchResult & { machine: Machine } = JSON.parse(readFileSync(path, 'utf8'));
  if (JSON.stringify(kept.machine) !== JSON.stringify(machine)) return rows;
  const measured = new Set(rows.map(([subject]) => subject));
  return [...kept.rows.filter(([subject]) => !measured.has(subject ?? '')), ...rows];
}

interface Kept {
  readonly name: string;
  readonly bench: Bench;
  readonly machine: Machine;
  readonly result: BenchResult;
}

async function keep({ name, bench, machine, result }: Kept): Promise<void> {
  const rows = result.rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)),
  );
  const table = [result.columns, ...rows];
  console.log(`\n${bench.what}\n`);
  for (const line of formatTable(table)) console.log(`  ${line}`);
  for (const line of result.notes) console.log(`  ${line}`);
  const stem = join(folder, 'results', name);
  await writeFileAtomic(`${stem}.json`, `${JSON.stringify({ machine, ...result }, null, 2)}\n`);
  await writeFileAtomic(`${stem}.md`, markdown({ name, bench, machine, result }, table));
}

function markdown({ name, bench, machine, result }: Kept, table: readonly (readonly string[])[]) {
  const [header = [], ...rows] = table.map((row) => `| ${row.join(' | ')} |`);
  const rule = `|${result.columns.map(() => ' --- |').join('')}`;
  const notes = result.notes.map((note) => `- ${note}`);
  return [
    ...[`# ${bench.what}`, '', `\`npm run bench ${name}\` on ${machineLine(machine)}.`, ''],
    ...[header, rule, ...rows, '', ...notes, ''],
  ].join('\n');
}
