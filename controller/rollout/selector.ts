/**
 * Kubernetes label selectors, whole: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`,
 * `!a`, joined by commas that mean "and". Source: Kubernetes documentation, "Labels and Selectors",
 * and `labels.Parse` of apimachinery. As there, `!=` and `notin` also hold where the key is absent.
 * Keys that begin with `fact/` ask what the profile says; every other key asks a label.
 */
import { FettleError } from '../../shared/errors.ts';
import { own } from '../../shared/own.ts';

export type Facts = Readonly<Record<string, string>>;
/** Facts are asked for only where the selector names one: they cost more than labels. */
export type Selects = (labels: Facts, facts: () => Facts) => boolean;

interface Token {
  readonly kind: 'word' | 'quoted' | 'sign' | 'end';
  /** As it is written. */
  readonly text: string;
  /** Where it begins, counted from 1. */
  readonly position: number;
}

interface Reader {
  readonly peek: () => Token;
  readonly take: () => Token;
}

type Requirement = (value: string | undefined) => boolean;

const selectorCharsMax = 4096;
const factPrefix = 'fact/';
const patterns = [
  ['word', /[\w./+-]+/y],
  ['quoted', /"(?:[^"\\]|\\["\\])*"/y],
  ['sign', /==|!=|=|!|,|\(|\)/y],
] as const;

/** '' selects everything. Throws `BAD_ARGUMENT` with the position of what could not be read. */
export function parseSelector(text: string): Selects {
  if (text.length > selectorCharsMax) {
    throw syntax(text, `at most ${selectorCharsMax} characters`, `${text.length}`);
  }
  const reader = read(tokens(text));
  if (reader.peek().kind === 'end') return () => true;
  const requirements: Selects[] = [];
  for (;;) {
    requirements.push(requirement(reader, text));
    const next = reader.take();
    if (next.kind === 'end') break;
    if (next.text !== ',') throw unexpected(text, 'a comma or the end', next);
  }
  return (labels, facts) => requirements.every((holds) => holds(labels, facts));
}

function requirement(reader: Reader, text: string): Selects {
  if (reader.peek().text === '!') {
    reader.take();
    return on(takeWord(reader, text, 'a key'), (value) => value === undefined);
  }
  const key = takeWord(reader, text, 'a key or !');
  return on(key, operation(reader, text));
}

function operation(reader: Reader, text: string): Requirement {
  const next = reader.peek();
  if (next.kind === 'end' || next.text === ',') return (value) => value !== undefined;
  reader.take();
  if (next.text === '=' || next.text === '==') {
    const wanted = takeValue(reader);
    return (value) => value === wanted;
  }
  if (next.text === '!=') {
    const unwanted = takeValue(reader);
    return (value) => value !== unwanted;
  }
  if (next.text === 'in' || next.text === 'notin') {
    const values = takeSet(reader, text);
    if (next.text === 'in') return (value) => value !== undefined && values.has(value);
    return (value) => value === undefined || !values.has(value);
  }
  throw unexpected(text, '=, ==, !=, in, notin, a comma or the end', next);
}

function on(key: string, holds: Requirement): Selects {
  if (!key.startsWith(factPrefix)) return (labels) => holds(own(labels, key));
  const fact = key.slice(factPrefix.length);
  return (_labels, facts) => holds(own(facts(), fact));
}

function takeWord(reader: Reader, text: string, expected: string): string {
  const token = reader.take();
  if (token.kind !== 'word') throw unexpected(text, expected, token);
  return token.text;
}

/**
 * A value may be left out: `a=` asks for the empty one. Any other text stands in quotes, with a
 * backslash before a quote or a backslash.
 */
function takeValue(reader: Reader): string {
  const { kind, text } = reader.peek();
  if (kind !== 'word' && kind !== 'quoted') return '';
  reader.take();
  return kind === 'word' ? text : text.slice(1, -1).replace(/\\(.)/g, '$1');
}

function takeSet(reader: Reader, text: string): ReadonlySet<string> {
  const open = reader.take();
  if (open.text !== '(') throw unexpected(text, '(', open);
  const values = new Set<string>();
  for (;;) {
    values.add(takeValue(reader));
    const next = reader.take();
    if (next.text === ')') return values;
    if (next.text !== ',') throw unexpected(text, 'a comma or )', next);
  }
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const token = matchAt(text, at);
    if (!token) {
      throw syntax(
        text,
        'a key, a value or an operator',
        `${text.charAt(at)} at position ${at + 1}`,
      );
    }
    found.push(token);
    at += token.text.length;
  }
  return [...found, { kind: 'end', text: '', position: text.length + 1 }];
}

function matchAt(text: string, at: number): Token | null {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) return { kind, text: found[0], position: at + 1 };
  }
  return null;
}

function read(list: readonly Token[]): Reader {
  let at = 0;
  const end: Token = { kind: 'end', text: '', position: 1 };
  const peek = () => list[Math.min(at, list.length - 1)] ?? end;
  return {
    peek,
    take() {
      const token = peek();
      at += 1;
      return token;
    },
  };
}

function unexpected(text: string, expected: string, token: Token): FettleError {
  const got = token.kind === 'end' ? 'the end' : token.text;
  return syntax(text, expected, `${got} at position ${token.position}`);
}

function syntax(text: string, expected: string, got: string): FettleError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return new FettleError('BAD_ARGUMENT', { what: `selector "${shown}"`, expected, got });
}
