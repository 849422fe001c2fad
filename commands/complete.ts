/** What may stand where the cursor is: `fettle --complete WORD…` prints it, a line each. */
import type { Command } from './command.ts';
import { namesFor } from './complete-names.ts';
import { commonOptions } from './grammar.ts';
import { commandName, commandTable } from './table.ts';

/**
 * The last of `words` is being typed, and may be empty. Names of files are the shell's to complete.
 */
export async function completionsOf(words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const name = commandName(before);
  const row = commandTable[name ?? ''];
  const all =
    name === null || row === undefined
      ? namesAfter(before, Object.keys(commandTable))
      : await wordsOf((await row.load()).command, { name, before, typed });
  return all.filter((word) => word.startsWith(typed));
}

/** Options once a dash is typed, before it what the next argument may be. */
async function wordsOf(
  command: Command,
  { name, before, typed }: { name: string; before: readonly string[]; typed: string },
): Promise<string[]> {
  if (typed.startsWith('-')) {
    const options = [...command.options, ...commonOptions];
    return options.flatMap(({ flags }) => flags.match(/--[\w-]+/)?.[0] ?? []);
  }
  const argument = nextArgument(command, before.slice(name.split(' ').length));
  return argument === undefined ? [] : namesFor(name, argument);
}

/** Undefined where the value of an option comes next, or nothing. */
function nextArgument({ args, options }: Command, before: readonly string[]): string | undefined {
  const takesValue = (word: string) =>
    options.some(({ flags }) => flags.startsWith(`${word} <`) || flags.includes(`, ${word} <`));
  if (takesValue(before.at(-1) ?? '')) return undefined;
  const given = before.filter(
    (word, at) => !word.startsWith('-') && !takesValue(before[at - 1] ?? ''),
  );
  return args[given.length];
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
