/** The files of npm packages that an agent loads, and no others. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import type { Architecture } from '../../shared/protocol/releases.ts';

/** What the agent and the commands beside it import; the rest follows from these. */
const needed = [
  '@bufbuild/protobuf',
  'better-sqlite3',
  'mqtt',
  'onnxruntime-node',
  'systeminformation',
  'valibot',
  'ws',
] as const;

/** Dependencies that serve an install script, a build, a command line or the compiler. */
const unneeded = /^(@types\/.*|adm-zip|global-agent|node-addon-api|commist|help-me)$/;

const dead = [
  /\.(map|ts|mts|cts|tsbuildinfo|yml)$/,
  /(^|\/)(?!licen[cs]e|copying|notice)[^/]*\.(md|markdown)$/i,
  /^[^/]+\/(\.github|test|tests|docs?|examples?|coverage)\//,
  /^mqtt\/(dist|help|build\/bin)\//,
  /^better-sqlite3\/(src|deps)\//,
  /^onnxruntime-node\/script\//,
];

const Dependencies = v.object({
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
});

/**
 * Where each file lies, by its path in the bundle. Throws BUNDLE_IMPOSSIBLE where a package or its
 * native library for the architecture is absent.
 */
export async function packageFiles(
  from: string,
  arch: Architecture,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const folders = foldersOf(from, arch);
  for (const folder of folders) {
    for (const path of await filesIn(folder.path)) {
      const inside = join(folder.name, path);
      if (!dead.some((pattern) => pattern.test(inside)) && suits(inside, arch)) {
        files.set(join('node_modules', folder.place, path), join(folder.path, path));
      }
    }
  }
  const natives = ['better-sqlite3/prebuilds', 'onnxruntime-node/bin'];
  for (const native of natives) {
    if ([...files.keys()].some((path) => path.startsWith(`node_modules/${native}/`))) continue;
    throw new FettleError('BUNDLE_IMPOSSIBLE', { arch, reason: `${native} has no linux-${arch}` });
  }
  return files;
}

interface Folder {
  readonly name: string;
  readonly path: string;
  /** Relative to the bundle's `node_modules`. */
  readonly place: string;
}

/** The packages and all that they depend on, each found where Node would find it. */
function foldersOf(from: string, arch: Architecture): readonly Folder[] {
  const base = dirname(locate('valibot', from, arch));
  const found = new Map<string, Folder>();
  const waiting = needed.map((name) => ({ name: String(name), from }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const path = locate(next.name, next.from, arch);
    if (found.has(path)) continue;
    found.set(path, { name: next.name, path, place: relative(base, path) });
    const text = readFileSync(join(path, 'package.json'), 'utf8');
    const names = Object.keys(v.parse(Dependencies, JSON.parse(text)).dependencies);
    for (const name of names) if (!unneeded.test(name)) waiting.push({ name, from: path });
  }
  return [...found.values()];
}

function locate(name: string, from: string, arch: Architecture): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
    if (dirname(folder) === folder) break;
  }
  throw new FettleError('BUNDLE_IMPOSSIBLE', { arch, reason: `${name} is not installed` });
}

/** Of native libraries, those for this architecture with glibc. */
function suits(path: string, arch: Architecture): boolean {
  const sqlite = /^better-sqlite3\/prebuilds\/(.*)\.node$/.exec(path);
  if (sqlite) return sqlite[1] === `linux-${arch}`;
  const runtime = /^onnxruntime-node\/bin\/[^/]+\/([^/]+\/[^/]+)\//.exec(path);
  return !runtime || runtime[1] === `linux/${arch}`;
}

/** Paths of the files of a package, without the packages that lie within it. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('node_modules/'));
}
