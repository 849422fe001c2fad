/** Documents as nobody should send them: a sound one with one thing wrong in it, as JSON text. */

export interface Poison {
  readonly name: string;
  /** Values put in the place of one of the document's, as JSON text. */
  readonly values?: readonly string[];
  /** Of which kind the value is that gives way; any where it is absent. */
  readonly instead?: 'number' | 'string';
  /** A member put into one of the document's objects, as JSON text. */
  readonly member?: string;
  /** What becomes of the text itself. */
  readonly spoil?: (text: string) => string | Buffer;
}

const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

export const poisons: readonly Poison[] = [
  { name: 'beyond finite', instead: 'number', values: ['1e999', '-1e999'] },
  { name: 'no JSON number', instead: 'number', values: ['NaN', 'Infinity'] },
  { name: 'a huge number', instead: 'number', values: ['1e308', '-1e308', '9007199254740993'] },
  { name: 'a fraction', instead: 'number', values: ['1.0001', '5e-324', '-1'] },
  { name: 'NUL', instead: 'string', values: ['"\\u0000"', '"a\\u0000b"'] },
  { name: 'half a surrogate', instead: 'string', values: ['"\\ud800"', '"a\\udc00b"'] },
  { name: 'NUL in a name', member: '"a\\u0000\\ud800": 1' },
  { name: '__proto__', member: '"__proto__": { "v": 2, "device": "other" }' },
  { name: 'constructor', member: '"constructor": { "prototype": { "v": 2 } }' },
  { name: '10 MiB', instead: 'string', values: [`"${'a'.repeat(10 << 20)}"`] },
  { name: '900 KiB', instead: 'string', values: [`"${'ä'.repeat(450 << 10)}"`] },
  { name: '100,000 levels', member: `"deep": ${deep}` },
  { name: '100,000 levels within', values: [deep] },
  { name: 'a wrong type', values: ['null', 'true', '[]', '{}', '"x"', '7', '[null]'] },
  { name: 'cut short', spoil: (text) => text.slice(0, text.length / 2) },
  { name: 'no UTF-8', spoil: (text) => Buffer.from(text.replaceAll('a', '\xff'), 'latin1') },
];

type Path = readonly (string | number)[];

/** It depends on `random` alone; null where the document has nothing that can give way. */
export function poisoned(
  document: object,
  { values, instead, member, spoil }: Poison,
  random: () => number,
): string | Buffer | null {
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const text = JSON.stringify(document);
  if (spoil) return spoil(text);
  const all = pathsOf(document);
  if (member !== undefined) {
    const objects = all.filter(([, value]) => isObject(value));
    const [path = []] = pick([[[], document] as const, ...objects]) ?? [];
    return textOf(document, path, (inside) => {
      const own = inside.slice(0, -1);
      return own === '{' ? `{${member}}` : `${own},${member}}`;
    });
  }
  const leaves = all.filter(([, value]) => instead === undefined || typeof value === instead);
  const [path] = pick(leaves) ?? [];
  return path ? textOf(document, path, () => pick(values ?? []) ?? 'null') : null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathsOf(value: unknown, path: Path = []): [Path, unknown][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]): [Path, unknown][] => {
    const own = [...path, Array.isArray(value) ? Number(name) : name];
    return [[own, member], ...pathsOf(member, own)];
  });
}

/** The JSON text of the document with what stands at the path changed. */
function textOf(value: unknown, path: Path, change: (text: string) => string): string {
  const [name, ...rest] = path;
  if (name === undefined) return change(JSON.stringify(value));
  const members = Object.entries(value ?? {}).map(([own, member]) => {
    const text =
      own === String(name) ? textOf(member, rest, change) : (JSON.stringify(member) ?? 'null');
    return Array.isArray(value) ? text : `${JSON.stringify(own)}:${text}`;
  });
  return Array.isArray(value) ? `[${members}]` : `{${members}}`;
}
