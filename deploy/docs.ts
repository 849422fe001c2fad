/**
 * `npm run docs`: writes the pages that are lists in the code, so that they cannot disagree with
 * it.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { exitTable } from '../commands/exit-codes.ts';
import { type CommandRow, commandTable } from '../commands/table.ts';
import { flagOf, settingTable, variableOf } from '../controller/settings.ts';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { errorTable } from '../shared/errors.ts';
import { productRoot } from '../shared/product.ts';

const clientSettings = [
  '## Commands of the fleet',
  '',
  'They find their controller by `--controller` and `--token`, by `FETTLE_CONTROLLER` and',
  '`FETTLE_TOKEN`, or by what `fettle up` or `fettle login` last wrote to',
  '`~/.config/fettle/client.json`. `NO_COLOR` turns colours off; with `FETTLE_DEBUG` an internal',
  'error is printed with its stack. The log of an agent says more with `FETTLE_LOG=debug`.',
];

const pages = {
  'docs/errors.md': errorPage,
  'docs/commands.md': commandPage,
  'docs/settings.md': settingsPage,
} as const satisfies Record<string, () => string | Promise<string>>;

const stale: string[] = [];
for (const [path, write] of Object.entries(pages)) {
  const file = join(productRoot(), path);
  const text = anywhere(await write());
  const present = await readFile(file, 'utf8').catch(() => '');
  if (text === present) continue;
  stale.push(path);
  if (!process.argv.includes('--check')) await writeFileAtomic(file, text);
}
console.log(stale.length > 0 ? `changed: ${stale.join(', ')}` : 'fresh');
process.exit(process.argv.includes('--check') && stale.length > 0 ? 1 : 0);

/** The text without the folders of who writes the page. */
function anywhere(text: string): string {
  return text.replaceAll(productRoot(), '<package>').replaceAll(homedir(), '~');
}

function errorPage(): string {
  const rows = Object.entries(errorTable).map(([code, { message, hint, retryable }]) => {
    const says = cell(message.replaceAll(/\{\w+\?\}/g, ''));
    return `| \`${code}\` | ${says} | ${cell(hint)} | ${retryable ? 'yes' : 'no'} |`;
  });
  return [
    '# Errors',
    '',
    'Every error has a code of this table. A command prints it in one line, its hint in a second',
    'one, and ends with exit code 1, or another of [these](commands.md#exit-codes);',
    'with `--json` standard output holds `{"error": {"code", "message", "hint", "retryable"}}`.',
    'The API answers with RFC 9457 problem details that carry the same members; a device reports',
    'them with its state.',
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
    'Every command takes `--json`: standard output then holds one JSON document and nothing else.',
    'In a checkout write `npm run -s fettle -- <command>` where this page says `fettle <command>`.',
    '',
    '## Exit codes',
    '',
    'The same for every command; those of rollouts only where it waits (`--wait`, `--watch`).',
    '',
    '| code | when |',
    '| --- | --- |',
    ...Object.values(exitTable).map(({ code, means }) => `| ${code} | ${cell(means)} |`),
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

function settingsPage(): string {
  const rows = Object.entries(settingTable).map(([name, setting]) => {
    const usual = setting.default === null ? '–' : `\`${String(setting.default)}\``;
    return `| \`${flagOf(name)}\` | \`${variableOf(name)}\` | ${usual} | ${cell(setting.help)} |`;
  });
  return [
    ...['# Settings', '', '## The controller', ''],
    'A flag of `fettle controller` wins over its variable, and that over the default. An unknown',
    'name or a bad value is refused with what was expected.',
    '',
    ...['| flag | variable | default | is |', '| --- | --- | --- | --- |', ...rows, ''],
    ...['## The agent', '', 'Its options are listed in [devices.md](devices.md).', ''],
    ...clientSettings,
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
