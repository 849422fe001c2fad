/** The option of lists that leave out what is archived. */
import type { CommandContext, Option } from './command.ts';

export const archivedOption: Option = {
  flags: '--archived',
  help: 'those too that are archived',
};

export function archivedQuery({ options }: CommandContext): Readonly<Record<string, string>> {
  return options.archived === true ? { archived: 'true' } : {};
}
