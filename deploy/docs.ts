/**
 * `npm run docs`: writes the pages that are lists in the code, so that they cannot disagree with
 * it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandRow, commandTable } from '../commands/table.ts';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { errorTable } from '../shared/errors.ts';
import { productRoot } from '../shared/product.ts';

const pages = {
  'docs/errors.md': errorPage,
  'docs/commands.md': commandPage,
} as const satisfies Record<string, () => string | Promise<string>>;

const stale: string[] = [];
for (const [path, write] of Object.entries(pages)) {
  const file = join(productRoot(), path);
  const text = await write();
  const present = await readFile(file, 'utf8').catch(() => '');
  if (text === present) continue;
  stale.push(path);
  if (!process.argv.includes('--check')) await writeFileAtomic(file, text);
}
console.log(stale.length > 0 ? `changed: ${stale.join(', ')}` : 'fresh');
process.exit(process.argv.includes('--check') && stale.length > 0 ? 1 : 0);

function errorPage(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { message, hint, retryable }]) =>
      `| \`${code}\` | ${cell(message)} | ${cell(hint)} | ${retryable ? 'yes' : 'no'} |`,
  );
  return [
    '# Errors',
    '',
    'Every error has a code of this table. A command prints it in one line and its hint in a second one and ends',
    'with exit code 1 (2 where the command line itself was wrong, 130 after Ctrl-C); with `--json` standard output',
    'holds `{"error": {"code", "message", "hint", "retryable"}}`. The API answers with RFC 9457 problem details that',
    'carry the same members; a device reports them with its state.',
    '',
    '| code | says | what to do | may succeed later |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

async function commandPage(): Promise<string> {
  const sections = await Promise.all(Object.entries(commandTable).map(commandSection));
  return [
    '# Commands',
    '',
    'Every command takes `--json`: standard output then holds one JSON document and nothing else. In a checkout',
    'write `npm run -s fettle -- <command>` where this page says `fettle <command>`.',
    '',
    ...sections,
  ].join('\n');
}

async function commandSection([name, row]: [string, CommandRow]): Promise<string> {
  const { command } = await row.load();
  const usage = ['fettle', name, ...command.args].join(' ');
  const options = command.options.map(
    ({ flags, help, default: value }) =>
      `| \`${cell(flags)}\` | ${cell(help)}${value === undefined ? '' : ` (${cell(value)})`} |`,
  );
  const table = options.length > 0 ? ['| option | |', '| --- | --- |', ...options, ''] : [];
  return [
    ...[`## fettle ${name}`, '', `${row.help}.`, '', '```sh', usage, `${row.example}`, '```', ''],
    ...table,
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
