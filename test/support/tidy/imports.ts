/** Who imports whom: relative files and packages, static, dynamic, and files started as workers. */
import { posix } from 'node:path';
import { isNode, type Node, type Source } from './sources.ts';

export interface Import {
  readonly line: number;
  /** A path of the project, or a package's name. */
  readonly target: string;
  readonly kind: 'static' | 'dynamic' | 'type' | 'started';
}

export type ImportGraph = ReadonlyMap<string, readonly Import[]>;

export function importGraph(sources: readonly Source[]): ImportGraph {
  const paths = new Set(sources.map((source) => source.path));
  return new Map(sources.map((source) => [source.path, importsOf(source, paths)]));
}

/**
 * Files reached from the entries along imports of these kinds, each with the file it was reached
 * from.
 */
export function closureOf(
  graph: ImportGraph,
  entries: readonly string[],
  kinds: readonly Import['kind'][],
): ReadonlyMap<string, string> {
  const from = new Map(entries.map((entry) => [entry, entry]));
  for (const path of from.keys()) {
    for (const { target, kind } of graph.get(path) ?? []) {
      if (kinds.includes(kind) && !from.has(target)) from.set(target, path);
    }
  }
  return from;
}

function importsOf(source: Source, paths: ReadonlySet<string>): readonly Import[] {
  const specifiers = new Set(source.nodes.map((node) => node.source).filter(isNode));
  const started = source.nodes.flatMap((node) => {
    const target = specifiers.has(node) ? null : startedFile(source, node, paths);
    return target === null ? [] : [{ line: source.lineOf(node), target, kind: 'started' as const }];
  });
  const written = source.nodes.flatMap((node) => {
    const kind = importKind(node);
    if (kind === null || !isNode(node.source) || typeof node.source.value !== 'string') return [];
    return [{ line: source.lineOf(node), target: resolve(source, node.source.value), kind }];
  });
  return [...written, ...started];
}

function importKind(node: Node): Import['kind'] | null {
  if (node.type === 'ImportDeclaration') return onlyTypes(node) ? 'type' : 'static';
  if (node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') {
    return node.exportKind === 'type' ? 'type' : 'static';
  }
  return node.type === 'ImportExpression' ? 'dynamic' : null;
}

function onlyTypes(node: Node): boolean {
  const names = Array.isArray(node.specifiers) ? node.specifiers.filter(isNode) : [];
  const marked = names.length > 0 && names.every((name) => name.importKind === 'type');
  return node.importKind === 'type' || marked;
}

/**
 * A worker or child is named by a string with its file's path, or by the part of a template before
 * its extension: `worker.ts`, `./probe.js`, `probe.${extension}`.
 */
function startedFile(source: Source, node: Node, paths: ReadonlySet<string>): string | null {
  const text = textOf(node);
  if (!/^[\w./-]*\w\.(ts|js|mjs)?$/.test(text)) return null;
  const stem = text.replace(/\.(ts|js|mjs)?$/, '');
  const bases = [posix.join(posix.dirname(source.path), stem), stem.replace(/^\.\//, '')];
  const found = bases.flatMap((base) => [`${base}.ts`, `${base}.mjs`]).find((p) => paths.has(p));
  return found === undefined || found === source.path ? null : found;
}

function textOf(node: Node): string {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type !== 'TemplateElement') return '';
  const { value } = node;
  return typeof value === 'object' && value && 'cooked' in value ? String(value.cooked) : '';
}

/** A relative specifier as a path of the project, a package's as its bare name. */
function resolve(source: Source, specifier: string): string {
  if (specifier.startsWith('.')) {
    return posix.join(posix.dirname(source.path), specifier.replace(/\?.*$/, ''));
  }
  const [scope, name] = specifier.split('/');
  return scope?.startsWith('@') ? `${scope}/${name}` : (scope ?? specifier);
}
