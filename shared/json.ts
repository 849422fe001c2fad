/**
 * JSON where it crosses a border: between processes, over the network, in a database, in a file.
 * It has no NaN and no infinity, and `JSON.stringify` writes null for them: what reads it then
 * fails far from the cause. They are refused here, with their path.
 */
import { FettleError } from './errors.ts';

/** No document of ours is nested so deep; V8 writes JSON by recursion, and its stack has an end. */
export const depthMax = 64;
/** A path is shown up to this length. */
const pathCharsMax = 200;

/** Throws `NOT_FINITE`, and `TypeError` for what JSON has no form of. */
export function encodeJson(value: unknown, indent = 0): string {
  const text: string | undefined = JSON.stringify(value, null, indent);
  if (text === undefined) throw new TypeError(`JSON has no form of a value of ${typeof value}`);
  // Only a document that holds a null can hide a number that became one.
  const found = text.includes('null') ? find(value, isNotFinite) : null;
  if (found === null) return text;
  throw new FettleError('NOT_FINITE', { path: pathText(found), got: String(found.leaf) });
}

/**
 * What somebody else wrote, with U+FFFD for each NUL and each half of a surrogate pair: neither is
 * text that every database and every display takes. What cannot be taken is thrown as `refuse` has
 * it: no JSON, a number beyond what is finite (1e999), more than `depthMax` levels.
 */
export function decodeJson(text: string, refuse: (reason: string) => Error): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('not JSON');
  }
  const reason = unsoundOf(value);
  if (reason !== null) throw refuse(reason);
  // Only escapes can name them: NUL itself is no JSON, and half a pair no UTF-8.
  return /\\u(0000|d[89a-f])/i.test(text) ? cleaned(value) : value;
}

/** Why a value that was JSON is not taken; null where it is. */
export function unsoundOf(value: unknown): string | null {
  const found = find(value, (leaf, depth) => depth > depthMax || isNotFinite(leaf));
  if (found === null) return null;
  if (!isNotFinite(found.leaf)) return `nested more than ${depthMax} levels deep`;
  return `${pathText(found)}: ${found.leaf} is not a finite number`;
}

/** Where a value holds a text that `cleanText` would change; null where it holds none. */
export function uncleanPath(value: unknown): string | null {
  const found = find(value, (leaf) => typeof leaf === 'string' && cleanText(leaf) !== leaf);
  return found && cleanText(pathText(found));
}

/** One text that came from elsewhere, fit to be stored. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

function isNotFinite(leaf: unknown): boolean {
  return typeof leaf === 'number' && !Number.isFinite(leaf);
}

interface Found {
  /** The outermost name first. */
  readonly path: readonly (string | number)[];
  readonly leaf: unknown;
}

type Wanted = (leaf: unknown, depth: number) => boolean;

/** The first value or name that is wanted; what lies deeper than `depthMax` is not looked at. */
function find(value: unknown, isWanted: Wanted, depth = 0): Found | null {
  if (isWanted(value, depth)) return { path: [], leaf: value };
  if (typeof value !== 'object' || value === null || depth > depthMax) return null;
  const names = Array.isArray(value) ? null : Object.keys(value);
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (let at = 0; at < members.length; at += 1) {
    const name = names?.[at] ?? at;
    if (isWanted(name, depth)) return { path: [name], leaf: name };
    const found = find(members[at], isWanted, depth + 1);
    if (found) return { path: [name, ...found.path], leaf: found.leaf };
  }
  return null;
}

/** At most `depthMax` levels deep, as was checked. */
function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cleaned);
  const members = Object.entries(value).map(([name, member]) => [cleanText(name), cleaned(member)]);
  return Object.fromEntries(members);
}

function pathText({ path }: Found): string {
  const parts = path.map((name, at) => {
    if (typeof name === 'number') return `[${name}]`;
    return at === 0 ? name : `.${name}`;
  });
  return parts.join('').slice(0, pathCharsMax) || 'document';
}
