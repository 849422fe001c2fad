/** What may stand where the cursor is: `fettle --complete WORD…` prints it, a line each. */
import { commonOptions } from './grammar.ts';
import type { CommandRow } from './table.ts';

/**
 * The last of `words` is being typed, and may be empty. Names of files are the shell's to complete.
 */
export async function completionsOf(
  words: readonly string[],
  table: Readonly<Record<string, CommandRow>>,
): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const row = table[before.slice(0, 2).join(' ')] ?? table[before[0] ?? ''];
  const all = row ? await optionsOf(row) : namesAfter(before, Object.keys(table));
  return all.filter((word) => word.startsWith(typed) && (row === undefined || typed !== ''));
}

async function optionsOf(row: CommandRow): Promise<string[]> {
  const { command } = await row.load();
  const options = [...command.options, ...commonOptions];
  return options.flatMap(({ flags }) => flags.match(/--[\w-]+/)?.[0] ?? []);
}

/** `rollout` → start, status …; nothing → every first word. */
function namesAfter(before: readonly string[], names: readonly string[]): string[] {
  const [group] = before;
  if (group === undefined) return [...new Set(names.map((name) => name.split(' ')[0] ?? name))];
  if (before.length > 1) return [];
  return names.flatMap((name) =>
    name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : [],
  );
}
