/**
 * Which part may import which, which file alone opens a heavy package, what a device must not load.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { productRoot } from '../../../shared/product.ts';
import { closureOf, type Import, type ImportGraph } from './imports.ts';
import type { Finding } from './rules.ts';

const { scripts: commands } = JSON.parse(readFileSync(join(productRoot(), 'package.json'), 'utf8'));
const scripts: readonly string[] = Object.values(commands).map(String);

/** Parts of the project and what each may import. Tests and benches may import everything. */
const parts: Readonly<Record<string, readonly string[]>> = {
  'cli.ts': ['commands', 'shared'],
  commands: ['commands', 'agent', 'controller', 'shared'],
  agent: ['agent', 'shared'],
  controller: ['controller', 'shared'],
  shared: ['shared'],
  deploy: ['deploy', 'commands', 'controller', 'shared'],
};

/** The files that may import a package: everything else goes through them. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['shared/evaluate/runtime.ts'],
  systeminformation: ['agent/profile/system.ts'],
  'better-sqlite3': ['agent/store.ts', 'controller/store/sqlite.ts'],
  pg: ['controller/store/postgres.ts'],
  mqtt: ['shared/mqtt.ts'],
  ws: ['shared/websocket.ts'],
  aedes: ['controller/broker.ts'],
};

/** What an agent's processes never load, however it is reached. */
const foreignToDevices = [
  /^controller\//,
  /^shared\/compress\/(?!(recipe|kernel-target)\.ts)/,
  /^(fastify|@fastify\/.*|kysely|pg|aedes|vite|preact|uplot)$/,
  /^@valibot\/to-json-schema$/,
];

/** What an agent loads when it is first needed: to run a model, to cut one into stages. */
const late = ['onnxruntime-node', '@bufbuild/protobuf'];

/** Processes of a device: the agent itself, the child that runs a trial, the thread that serves. */
export const deviceEntries = ['agent/main.ts'] as const;

export function fenceFindings(graph: ImportGraph): readonly Finding[] {
  return [...graph].flatMap(([path, imports]) => {
    const allowed = parts[partOf(path)];
    if (!allowed) return [];
    return imports
      .filter(({ kind }) => kind !== 'started' || partOf(path) !== 'deploy')
      .filter(({ target }) => graph.has(target) && !allowed.includes(partOf(target)))
      .map((one) => at(path, one, `imports ${one.target}`));
  });
}

export function doorFindings(graph: ImportGraph): readonly Finding[] {
  return [...graph]
    .filter(([path]) => partOf(path) in parts)
    .flatMap(([path, imports]) =>
      imports
        .filter(({ target, kind }) => kind !== 'type' && !(doors[target]?.includes(path) ?? true))
        .map((one) => at(path, one, `imports ${one.target}, the door is ${doors[one.target]}`)),
    );
}

/** What must not be within reach of a device's processes. */
export function deviceFindings(graph: ImportGraph): readonly Finding[] {
  const everything = closureOf(graph, deviceEntries, ['static', 'dynamic', 'started']);
  const atStart = closureOf(graph, deviceEntries, ['static']);
  const foreign = [...everything].filter(([path]) =>
    foreignToDevices.some((pattern) => pattern.test(path)),
  );
  const early = [...atStart].filter(([path]) => late.includes(path));
  return [...foreign, ...early].map(([path, from]) => ({
    path: from,
    line: graph.get(from)?.find((one) => one.target === path)?.line ?? 1,
    what: `brings ${path} onto the device`,
  }));
}

/** Files that nothing reaches: not a command, a worker, a test, a bench or a deploy script. */
export function deadFindings(graph: ImportGraph): readonly Finding[] {
  const entries = [...graph.keys()].filter(
    (path) =>
      path === 'cli.ts' ||
      /^(bench|deploy)\/[^/]+$/.test(path) ||
      isScript(path) ||
      /\.(test|config)\.m?[jt]s$/.test(path) ||
      path === 'controller/dashboard/main.tsx',
  );
  const alive = closureOf(graph, entries, ['static', 'dynamic', 'type', 'started']);
  return [...graph.keys()]
    .filter((path) => !alive.has(path))
    .map((path) => ({ path, line: 1, what: 'nothing imports or starts this file' }));
}

/** Scripts of package.json that are neither a bench nor a deploy script. */
function isScript(path: string): boolean {
  return scripts.some((command) => command.includes(path));
}

function partOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function at(path: string, one: Import, what: string): Finding {
  return { path, line: one.line, what };
}
