/**
 * Bundles of the agent that are made in no time: what would be in one lies in this checkout. What
 * runs of it may be replaced, by what ends at once or never becomes healthy.
 */
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { type TarFile, tarOf } from '../../../controller/bundle/tar.ts';
import { type Digest, digestOf, digestOfFile } from '../../../shared/digest.ts';
import { productRoot } from '../../../shared/product.ts';
import { type Architecture, ReleaseRecord } from '../../../shared/protocol/releases.ts';
import type { TestController } from '../controller.ts';

export interface SmallBundle {
  readonly version: string;
  /** That of this machine, where nothing is said. */
  readonly arch?: Architecture;
  /** Lines of a shell script before the agent is started, or in its place. */
  readonly before?: string;
  /** Options of Node. */
  readonly node?: string;
  /** Digests that its manifest gives instead of the right ones. */
  readonly manifest?: Readonly<Record<string, string>>;
}

const root = productRoot();
const ownArch = process.arch === 'arm64' ? 'arm64' : 'x64';

/** In the place of the daemon; `agent --check` and the like are as ever. */
export const kinds = {
  crashes: '[ "$*" = agent ] && exit 7',
  /** Runs, and never becomes healthy. */
  hangs: '[ "$*" = agent ] && exec sleep 1000',
} as const;

/** Pushes it as a release, as `fettle release push` does. */
export async function pushRelease(
  { client }: Pick<TestController, 'client'>,
  folder: string,
  bundle: SmallBundle,
): Promise<ReleaseRecord> {
  const { path, digest } = await writeBundle(join(folder, `${bundle.version}.tar.zst`), bundle);
  const signal = AbortSignal.timeout(60_000);
  await client.upload({ path, digest, what: 'bundle', signal, onProgress() {} });
  const body = { bundles: [digest] };
  return await client.call(ReleaseRecord, '/api/v1/releases', { method: 'POST', body });
}

export async function writeBundle(
  path: string,
  { version, arch = ownArch, manifest: said = {}, ...rest }: SmallBundle,
): Promise<{ path: string; digest: Digest }> {
  const device = join(root, 'deploy', 'device');
  const files: Record<string, Buffer> = {
    'bin/fettle': Buffer.from(programOf(rest)),
    'deploy/fettle-agent.service': readFileSync(join(device, 'fettle-agent.service')),
    'deploy/launch.sh': readFileSync(join(device, 'launch.sh')),
  };
  const digests = Object.entries(files).map(([name, bytes]) => [name, digestOf(bytes)]);
  const manifest = {
    name: 'fettle',
    version,
    arch,
    files: { ...Object.fromEntries(digests), ...said },
  };
  const all = { 'manifest.json': Buffer.from(JSON.stringify(manifest)), ...files };
  const tar = tarOf(Object.entries(all).map(([name, content]) => fileOf(`x/${name}`, content)));
  await pipeline(Readable.from(tar), createZstdCompress(), createWriteStream(path));
  return { path, digest: await digestOfFile(path) };
}

/** What runs of it. */
export function programOf({ before = ':', node = '' }: Pick<SmallBundle, 'before' | 'node'>) {
  const command = `exec ${process.execPath} ${node} ${join(root, 'cli.ts')} "$@"`;
  return ['#!/bin/sh', before, command, ''].join('\n');
}

function fileOf(path: string, content: Buffer): TarFile {
  return { path, executable: path.startsWith('x/bin'), bytes: content.length, content };
}
