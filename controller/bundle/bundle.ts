/**
 * All that a device needs in one file: Node, the compiled agent and the packages that it loads.
 * Unpacked it is a folder with `bin/fettle` and `manifest.json`, which says what belongs to it.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { type Digest, digestOf, digestOfFile } from '../../shared/digest.ts';
import { encodeJson } from '../../shared/json.ts';
import { productRoot, productVersion } from '../../shared/product.ts';
import type { Architecture } from '../../shared/protocol/releases.ts';
import { windowLog } from '../../shared/zstd.ts';
import { nodePackage, nodeVersion } from './node-package.ts';
import { packageFiles } from './packages.ts';
import { type TarFile, tarOf } from './tar.ts';

export interface BundleManifest {
  readonly name: 'fettle';
  readonly version: string;
  readonly arch: Architecture;
  readonly node: string;
  /** Digests by path. Each file of the bundle but this one. */
  readonly files: Readonly<Record<string, Digest>>;
}

export interface Bundle {
  readonly path: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  readonly digest: Digest;
  readonly manifest: BundleManifest;
}

/** Parts of the compiled product that no process of a device loads. */
const foreign = /^(controller|dashboard)(\/|$)/;

const executables = ['bin/fettle', 'bin/node', 'deploy/launch.sh'];
/** What the install command puts outside of any version. */
const installed = ['launch.sh', 'fettle-agent.service'];

/** Runs the bundle's Node, wherever the folder lies and through whichever link it was found. */
const launcher = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/node" "$here/../dist/cli.js" "$@"
`;

/** Level 19 takes minutes for so many bytes; this one takes seconds. */
const level = 6;

export function bundleName(arch: Architecture): string {
  return `fettle-${productVersion()}-linux-${arch}`;
}

/**
 * Writes the bundle to `out`, whole or not at all. `compiled` is the folder of `cli.js`. The same
 * files give the same bytes. Throws BUNDLE_IMPOSSIBLE where something of it is absent.
 */
export async function makeBundle(
  arch: Architecture,
  { compiled, out }: { readonly compiled: string; readonly out: string },
): Promise<Bundle> {
  const sources = await sourcesOf(arch, compiled);
  const manifest = await manifestOf(arch, sources);
  const files = [
    inMemory('manifest.json', `${encodeJson(manifest, 2)}\n`),
    ...(await Promise.all([...sources].map(onDisk))),
  ].map((file) => ({ ...file, path: `${bundleName(arch)}/${file.path}` }));
  const arriving = `${out}.${process.pid}`;
  try {
    await pipeline(Readable.from(tarOf(files)), compressor(), createWriteStream(arriving));
    await rename(arriving, out);
  } finally {
    await rm(arriving, { force: true });
  }
  const unpackedBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const { size: bytes } = await stat(out);
  return { path: out, bytes, unpackedBytes, digest: await digestOfFile(out), manifest };
}

type Source = Buffer | string;

/** Contents, or the files that hold them, by path in the bundle and in the order of the paths. */
async function sourcesOf(arch: Architecture, compiled: string): Promise<Map<string, Source>> {
  const node = await nodePackage(arch);
  const sources = new Map<string, Source>(await packageFiles(productRoot(), arch));
  for (const path of await readdir(compiled, { recursive: true })) {
    if (foreign.test(path)) continue;
    const file = join(compiled, path);
    if ((await stat(file)).isFile()) sources.set(join('dist', path), file);
  }
  for (const name of ['package.json', 'LICENSE']) sources.set(name, join(productRoot(), name));
  const licence = join(node, 'LICENSE');
  if (existsSync(licence)) sources.set('bin/LICENSE', licence);
  for (const name of installed) {
    sources.set(join('deploy', name), join(productRoot(), 'deploy', 'device', name));
  }
  sources.set('bin/node', join(node, 'bin', 'node'));
  sources.set('bin/fettle', Buffer.from(launcher));
  return new Map([...sources].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function manifestOf(
  arch: Architecture,
  sources: ReadonlyMap<string, Source>,
): Promise<BundleManifest> {
  const digests = new Map<string, Digest>();
  for (const [path, source] of sources) {
    const digest = typeof source === 'string' ? await digestOfFile(source) : digestOf(source);
    digests.set(path, digest);
  }
  const files = Object.fromEntries(digests);
  return { name: 'fettle', version: productVersion(), arch, node: nodeVersion(), files };
}

async function onDisk([path, source]: readonly [string, Source]): Promise<TarFile> {
  if (typeof source !== 'string') return inMemory(path, source.toString());
  const bytes = (await stat(source)).size;
  return { path, executable: executables.includes(path), bytes, content: { file: source } };
}

function inMemory(path: string, text: string): TarFile {
  const content = Buffer.from(text);
  return { path, executable: executables.includes(path), bytes: content.length, content };
}

function compressor() {
  return createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: windowLog,
    },
  });
}
