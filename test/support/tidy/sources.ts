/** The project's own source files, parsed once: text, lines, syntax tree. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'vite';
import { productRoot } from '../../../shared/product.ts';

/** A node of the ESTree syntax tree: what the rules look at is checked where they look. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

export interface Source {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly nodes: readonly Node[];
  lineOf(node: Node): number;
}

const folders = ['agent', 'bench', 'commands', 'controller', 'deploy', 'shared', 'test'] as const;
const topFiles = ['cli.ts', 'ava.config.js'] as const;

/** Every source file of the project but generated code. */
export function readSources(): readonly Source[] {
  const inFolders = folders.flatMap((folder) =>
    readdirSync(join(productRoot(), folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !path.endsWith('.d.ts'))
      .filter((path) => !path.includes('node_modules'))
      .map((path) => `${folder}/${path}`),
  );
  return [...topFiles, ...inFolders].sort().map(readSource);
}

function readSource(path: string): Source {
  const text = readFileSync(join(productRoot(), path), 'utf8');
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const lines = text.split('\n');
  return {
    path,
    text,
    lines,
    nodes: [...nodesOf(program)],
    lineOf: (node) => text.slice(0, node.start).split('\n').length,
  };
}

/** The node and everything below it, parents first. */
export function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesOf(item);
  } else if (typeof value === 'object' && value !== null) {
    if (isNode(value)) yield value;
    for (const member of Object.values(value)) yield* nodesOf(member);
  }
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
