/** What `--help` prints. */
import { formatTable } from '../shared/terminal/table.ts';
import type { Command } from './command.ts';
import { commonOptions } from './grammar.ts';
import type { CommandRow } from './table.ts';

/** Every command, or those of one group such as `rollout`. */
export function overview(rows: Readonly<Record<string, CommandRow>>, group = ''): string {
  const named = Object.entries(rows).filter(
    ([name]) => group === '' || name.startsWith(`${group} `),
  );
  const commands = formatTable(named.map(([name, { help }]) => [`  fettle ${name}`, help]));
  return [
    ...['Fettle fits one trained model to every device of a fleet.', ''],
    ...[...commands, ''],
    '  fettle <command> --help shows its options and an example; fettle --version',
  ].join('\n');
}

export function commandHelp(name: string, row: CommandRow, command: Command): string {
  const options = [...command.options, ...commonOptions].map(
    ({ flags, help, default: usual }) =>
      [`  ${flags}`, usual === undefined ? help : `${help} (${usual})`] as const,
  );
  return [
    ...[`fettle ${[name, ...command.args].join(' ')} [options]`, '', row.help, ''],
    ...formatTable(options),
    ...['', 'Example:', `  $ ${row.example}`],
  ].join('\n');
}
