/**
 * What is wrong with a document, in words: where, what is expected there, what is there instead.
 * The one place where issues of Valibot become sentences.
 */
import type * as v from 'valibot';
import { didYouMean } from './nearest.ts';

export interface Fault {
  /** Members and places down to it, `inputs.image`; '' is the document itself. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
}

type Schema = v.GenericSchema;
type Issue = v.BaseIssue<unknown>;

const gotCharsMax = 200;

/** The first fault of a document that its schema refused. */
export function faultOf(schema: Schema, issues: readonly Issue[]): Fault {
  const issue = deepest(issues);
  const keys = keysOf(issue);
  const last = keys.at(-1);
  if (issue?.expected === 'never' && last !== undefined) {
    const known = membersAt(schema, keys.slice(0, -1));
    const expected = known.length > 0 ? `only the members ${known.join(', ')}` : 'no member';
    return { path: pathOf(keys.slice(0, -1)), expected, got: `${last}${didYouMean(last, known)}` };
  }
  const found = schemaAt(schema, keys);
  const own = issue ? ownWords(issue) : null;
  const expected = own ?? (found ? wordsOf(found) : 'another document');
  const got = cut(receivedOf(issue));
  return { path: pathOf(keys), expected, got: `${got}${nearestChoice(found, issue)}` };
}

/** The fault as one sentence; `whole` names the document itself. */
export function sentenceOf(
  schema: Schema,
  issues: readonly Issue[],
  whole = 'the document',
): string {
  const { path, expected, got } = faultOf(schema, issues);
  return `${path || whole}: expected ${expected}, got ${got}`;
}

/** Of a union every choice has complained: the one that came furthest knows best. */
function deepest(issues: readonly Issue[]): Issue | undefined {
  const [first] = issues;
  const inner = first?.issues ? deepestOf(first.issues) : undefined;
  if (!first || !inner) return first;
  return (inner.path?.length ?? 0) > (first.path?.length ?? 0) ? inner : first;
}

function deepestOf(issues: readonly Issue[]): Issue | undefined {
  const known = issues.flatMap((issue) => deepest([issue]) ?? []);
  return known.toSorted((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0))[0];
}

function keysOf(issue: Issue | undefined): string[] {
  return (issue?.path ?? []).map(({ key }) => String(key));
}

function pathOf(keys: readonly string[]): string {
  return keys.join('.');
}

/** What may stand at a place; null where the schema doesn't say. */
function schemaAt(schema: unknown, keys: readonly string[]): Schema | null {
  const here = unwrapped(schema);
  const [key, ...rest] = keys;
  if (key === undefined || here === null) return here;
  if (isUnion(here)) {
    const found = here.options.map((option) => schemaAt(option, keys));
    return found.find((one) => one !== null) ?? null;
  }
  return schemaAt(memberOf(here, key), rest);
}

function memberOf(schema: Schema, key: string): unknown {
  if (hasEntries(schema)) return Object.hasOwn(schema.entries, key) ? schema.entries[key] : null;
  if ('item' in schema) return schema.item;
  return 'value' in schema ? schema.value : null;
}

function membersAt(schema: Schema, keys: readonly string[]): string[] {
  const found = schemaAt(schema, keys);
  if (found === null) return [];
  const choices = isUnion(found) ? found.options.map(unwrapped) : [found];
  return choices.flatMap((one) => (one && hasEntries(one) ? Object.keys(one.entries) : []));
}

/** Without what only says that it may be absent. */
function unwrapped(schema: unknown): Schema | null {
  if (!isSchema(schema)) return null;
  return 'wrapped' in schema ? unwrapped(schema.wrapped) : schema;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'schema';
}

function isUnion(schema: Schema): schema is Schema & { readonly options: readonly unknown[] } {
  return schema.type === 'union' && 'options' in schema && Array.isArray(schema.options);
}

function hasEntries(
  schema: Schema,
): schema is Schema & { readonly entries: Readonly<Record<string, unknown>> } {
  return 'entries' in schema && typeof schema.entries === 'object' && schema.entries !== null;
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  strict_object: 'an object',
  loose_object: 'an object',
  record: 'an object of names and values',
};

/** `a whole number of at least 1`. */
function wordsOf(schema: Schema): string {
  if (isUnion(schema)) {
    return schema.options.flatMap((one) => (isSchema(one) ? wordsOf(one) : [])).join(', or ');
  }
  if (schema.type === 'nullable' || schema.type === 'nullish') {
    return 'wrapped' in schema && isSchema(schema.wrapped)
      ? `${wordsOf(schema.wrapped)}, or null`
      : 'null';
  }
  if ('wrapped' in schema && isSchema(schema.wrapped)) return wordsOf(schema.wrapped);
  const choices = choicesOf(schema);
  if (choices.length > 0) return `${choices.length > 1 ? 'one of ' : ''}${choices.join(', ')}`;
  const pipe = 'pipe' in schema && Array.isArray(schema.pipe) ? schema.pipe : [];
  const turned = pipe.findLast(isSchema);
  // What a text is turned into is what its limits are about.
  if (turned && turned !== schema && 'pipe' in turned) return wordsOf(turned);
  const rules = pipe.flatMap((step: unknown) => ruleWords(step) ?? []);
  const whole = rules.includes(wholeNumber);
  const ownMessage = rules.find((rule) => rule.startsWith(messageMark));
  if (ownMessage) return ownMessage.slice(messageMark.length);
  const last = turned ?? schema;
  const type = whole ? 'a whole number' : (typeWords[last.type] ?? customWords(last));
  const limits = rules.filter((rule) => rule !== wholeNumber);
  return limits.length > 0 ? `${type} ${limits.join(' and ')}` : type;
}

const wholeNumber = 'whole';
/** A rule with a sentence of its own says all. */
const messageMark = 'message:';

function ruleWords(step: unknown): string | null {
  if (typeof step !== 'object' || step === null || !('type' in step)) return null;
  const limit = 'requirement' in step ? String(step.requirement) : '';
  const own = 'message' in step && typeof step.message === 'string' ? step.message : null;
  if (own?.startsWith('expected ')) return `${messageMark}${own.slice('expected '.length)}`;
  switch (step.type) {
    case 'integer':
      return wholeNumber;
    case 'min_value':
      return `of at least ${limit}`;
    case 'max_value':
      return `of at most ${limit}`;
    case 'min_length':
      return `of at least ${limit} long`;
    case 'max_length':
      return `of at most ${limit} long`;
    case 'url':
      return `${messageMark}an address such as https://example.org/path`;
    case 'iso_timestamp':
      return `${messageMark}an instant such as 2026-08-30T14:03:27Z`;
    default:
      return null;
  }
}

function customWords(schema: Schema): string {
  const own = 'message' in schema && typeof schema.message === 'string' ? schema.message : null;
  return own?.replace(/^expected /, '') ?? 'something else';
}

function choicesOf(schema: Schema | null): string[] {
  if (schema === null) return [];
  if (schema.type === 'literal' && 'literal' in schema) return [String(schema.literal)];
  return schema.type === 'picklist' && 'options' in schema && Array.isArray(schema.options)
    ? schema.options.map(String)
    : [];
}

/** A check that says in words what it expects. */
function ownWords({ kind, message }: Issue): string | null {
  return kind === 'validation' && message.startsWith('expected ')
    ? message.slice('expected '.length)
    : null;
}

function nearestChoice(schema: Schema | null, issue: Issue | undefined): string {
  return typeof issue?.input === 'string' ? didYouMean(issue.input, choicesOf(schema)) : '';
}

function receivedOf(issue: Issue | undefined): string {
  const input = issue?.input;
  if (input === undefined) return 'nothing';
  if (Array.isArray(input)) return `a list of ${input.length}`;
  if (typeof input === 'object' && input !== null) return 'an object';
  return typeof input === 'string' ? input : String(input);
}

function cut(text: string): string {
  return text.length > gotCharsMax ? `${text.slice(0, gotCharsMax)}…` : text;
}
