/**
 * The grammar of command lines: options as commands declare them, words as users type them. On top
 * of Node's own tokenizer, because a whole library for it costs an idle agent 3 MiB.
 */
import { parseArgs } from 'node:util';
import { nearest } from '../shared/nearest.ts';
import type { Command, CommandContext, Option } from './command.ts';

export interface Parsed {
  readonly args: CommandContext['args'];
  readonly rest: readonly string[];
  readonly options: CommandContext['options'];
  readonly help: boolean;
}

/** What is wrong with a command line, in one line. */
export interface Mistake {
  readonly mistake: string;
}

/** Options that every command has. */
export const commonOptions: readonly Option[] = [
  { flags: '--json', help: 'print one JSON document on standard output, and nothing else' },
  { flags: '-h, --help', help: 'show this' },
];

export function parseWords(command: Command, words: readonly string[]): Parsed | Mistake {
  const rules = new Map([...command.options, ...commonOptions].map(ruleOf));
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries([...rules].map(([name, rule]) => [name, rule.config])),
    strict: false,
    tokens: true,
  });
  const given: Record<string, string | boolean | string[] | undefined> = defaultsOf(rules);
  const values: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') values.push(token.value);
    if (token.kind !== 'option') continue;
    const rule = rules.get(token.name);
    if (!rule) return unknownOption(token.rawName, rules);
    const { type, multiple } = rule.config;
    if (type === 'boolean') {
      if (token.value !== undefined) return { mistake: `${token.rawName} takes no value` };
      given[rule.key] = !rule.negated;
    } else if (token.value === undefined || isForgotten(token)) {
      return { mistake: `${token.rawName} needs a value: ${rule.flags}` };
    } else if (multiple) given[rule.key] = [...listOf(given[rule.key]), token.value];
    else given[rule.key] = token.value;
  }
  const { help, ...options } = given;
  if (help === true) return { args: {}, rest: [], options, help: true };
  const args = nameArguments(command.args, values);
  return 'mistake' in args ? { mistake: args.mistake } : { ...args, options, help: false };
}

/** `--data --json`: the next option is no value; `--data=--json` says that it is one. */
function isForgotten({ value, inlineValue }: { value: string; inlineValue: boolean }): boolean {
  return !inlineValue && value.startsWith('--');
}

interface Rule {
  readonly flags: string;
  /** The option's name in camelCase, without `no-`. */
  readonly key: string;
  /** `--no-x` sets `x` to false, which is otherwise true. */
  readonly negated: boolean;
  readonly fallback: string | undefined;
  readonly config: { type: 'string' | 'boolean'; multiple: boolean; short?: string };
}

/** `-h, --help`, `--bits <n>`, `--label <name=value...>`, `--no-probes`. */
function ruleOf({ flags, default: fallback }: Option): [string, Rule] {
  const match = /^(?:-(\w), )?--(no-)?([\w-]+)(?: <([^>]*)>)?$/.exec(flags);
  if (!match) throw new Error(`flags ${flags}: expected something like --bits <n>`);
  const [, short, no = '', name = '', value] = match;
  const key = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const type = value === undefined ? 'boolean' : 'string';
  const multiple = value?.endsWith('...') ?? false;
  const config = { type, multiple, ...(short === undefined ? {} : { short }) } as const;
  return [`${no}${name}`, { flags, key, negated: no !== '', fallback, config }];
}

function defaultsOf(rules: ReadonlyMap<string, Rule>) {
  const values = [...rules.values()].flatMap(({ key, negated, fallback }) =>
    negated || fallback !== undefined ? [[key, fallback ?? true] as const] : [],
  );
  return Object.fromEntries(values);
}

function listOf(value: string | boolean | string[] | undefined): string[] {
  return Array.isArray(value) ? value : [];
}

function unknownOption(written: string, rules: ReadonlyMap<string, Rule>): Mistake {
  const near = nearest(written.replace(/^-+/, ''), [...rules.keys()]);
  return { mistake: `unknown option ${written}${near ? ` (did you mean --${near}?)` : ''}` };
}

function nameArguments(
  names: readonly string[],
  values: readonly string[],
): { args: Record<string, string>; rest: readonly string[] } | Mistake {
  const last = names.at(-1) ?? '';
  if (last.endsWith('...')) {
    const before = names.length - 1;
    const named = nameArguments(names.slice(0, -1), values.slice(0, before));
    if ('mistake' in named) return named;
    const rest = values.slice(before);
    return rest.length > 0 ? { ...named, rest } : { mistake: `${last} is missing` };
  }
  const missing = names.slice(values.length).find((name) => !name.startsWith('['));
  if (missing !== undefined) return { mistake: `${missing} is missing` };
  if (values.length > names.length) {
    return { mistake: `unexpected ${values[names.length]}` };
  }
  const pairs = values.map((value, index) => [names[index]?.replace(/^\[|\]$/g, ''), value]);
  return { args: Object.fromEntries(pairs), rest: [] };
}
