/**
 * A version of the agent, fetched and unpacked beside the one that runs: under its name only when
 * it is whole and on disk.
 */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import * as v from 'valibot';
import { syncFolder } from '../../shared/atomic-file.ts';
import { controllerUrl } from '../../shared/controller-url.ts';
import { digestOfFile } from '../../shared/digest.ts';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { DigestText } from '../../shared/protocol/fields.ts';
import type { Release } from '../../shared/protocol/messages.ts';
import { roomForUpdate } from '../../shared/protocol/releases.ts';
import { deviceRoutes } from '../../shared/protocol/routes.ts';
import { windowLog } from '../../shared/zstd.ts';
import type { Identity } from '../enrol.ts';
import { fetchFile } from '../fetch.ts';
import { digestFile, type Versions, versionName } from './versions.ts';

export interface Staging {
  readonly release: Release;
  readonly versions: Versions;
  readonly identity: Identity;
  readonly signal: AbortSignal;
}

const toolTimeoutMs = 10 * 60_000;

const Manifest = v.looseObject({ files: v.record(v.string(), DigestText) });

/**
 * Throws `DISK_FULL`, `DOWNLOAD_FAILED`, `DIGEST_MISMATCH`, and `AGENT_REFUSED` for a bundle that
 * is none. A download goes on where it broke off, also after a power cut.
 */
export async function stageVersion(staging: Staging): Promise<void> {
  const { release, versions, identity, signal } = staging;
  const { digest, bytes, version } = release;
  const name = versionName(version, digest);
  const path = join(versions.folder, `.${name}.tar.zst`);
  await requireSpace(staging);
  await fetchFile({
    url: controllerUrl(identity.controller, deviceRoutes.blob(digest)).href,
    token: identity.deviceToken,
    ...{ digest, bytes, path, partPath: `${path}.part`, signal },
  });
  const arriving = join(versions.folder, `.${name}.new`);
  await rm(arriving, { recursive: true, force: true });
  await mkdir(arriving);
  try {
    await unpack(path, arriving, signal);
    await requireWhole(arriving, version);
    await writeFile(join(arriving, digestFile), `${digest}\n`);
    await runTool('find', [arriving, '-exec', 'sync', '{}', '+'], signal);
    await rename(arriving, join(versions.folder, name));
    await syncFolder(versions.folder);
  } finally {
    await rm(arriving, { recursive: true, force: true });
  }
  await rm(path, { force: true });
}

async function requireSpace({ release, versions }: Staging): Promise<void> {
  const { bavail, bsize } = await statfs(versions.folder);
  const [free, needed] = [bavail * bsize, roomForUpdate(release.bytes)];
  if (needed > free) throw new FettleError('DISK_FULL', { path: versions.folder, needed, free });
}

async function unpack(archive: string, folder: string, signal: AbortSignal): Promise<void> {
  const args = ['-x', '--strip-components=1', '--no-same-owner', '-C', folder];
  const tar = tool('tar', args, signal);
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
  const poured = pipeline(createReadStream(archive), createZstdDecompress({ params }), tar.stdin);
  // Where tar ends early, its own words say more than the broken pipe does.
  const [ended, fed] = await Promise.allSettled([tar.ended, poured]);
  for (const one of [ended, fed]) if (one.status === 'rejected') throw one.reason;
}

/** Every file that the manifest names is there with its bytes: tar wrote what was packed. */
async function requireWhole(folder: string, version: string): Promise<void> {
  const refuse = (reason: string) => new FettleError('AGENT_REFUSED', { version, reason });
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => '{}');
  const manifest = v.safeParse(Manifest, JSON.parse(text));
  if (!manifest.success) throw refuse('what was fetched is not a bundle of the agent');
  for (const [path, digest] of Object.entries(manifest.output.files)) {
    if (normalize(path).startsWith('..')) throw refuse(`its manifest names ${path}`);
    const got = await digestOfFile(join(folder, path)).catch(reasonOf);
    if (got !== digest) throw refuse(`its file ${path} is not as packed: ${got}`);
  }
}

function runTool(name: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const { stdin, ended } = tool(name, args, signal);
  stdin.end();
  return ended;
}

function tool(name: string, args: readonly string[], signal: AbortSignal) {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(toolTimeoutMs)]);
  const child = spawn(name, args, { stdio: ['pipe', 'ignore', 'pipe'], signal: limited });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-500);
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  child.on('error', reject);
  child.on('close', (code) => {
    if (code === 0) resolve();
    else {
      const reason = `${name} ended with ${code}: ${said.trim()}`;
      reject(new FettleError('STATE_UNWRITABLE', { path: args.at(-1) ?? '', reason }));
    }
  });
  return { stdin: child.stdin, ended };
}
