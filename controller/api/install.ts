/**
 * What puts the agent on a device: a script for its shell, and to the holder of an enrolment token,
 * or of a device's own, the bundle that this controller vouches for.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import * as v from 'valibot';
import { FettleError } from '../../shared/errors.ts';
import { productRoot } from '../../shared/product.ts';
import { agentModel } from '../../shared/protocol/agent-model.ts';
import { DigestText } from '../../shared/protocol/fields.ts';
import {
  type Architecture,
  architectures,
  type BundleRecord,
  type ReleaseRecord,
} from '../../shared/protocol/releases.ts';
import { requireToken } from '../enrolment.ts';
import type { Releases } from '../releases/releases.ts';
import type { Rollouts } from '../rollouts.ts';
import { hashToken } from '../secrets.ts';
import type { World } from '../world.ts';
import { bearerOf } from './auth.ts';
import { sendBlob } from './blobs.ts';
import { type Api, addRoute } from './route.ts';

export interface InstallDoors {
  readonly releases: Releases;
  readonly rollouts: Rollouts;
}

export function addInstallRoutes(api: Api, world: World, doors: InstallDoors): void {
  addRoute(api, {
    method: 'GET',
    url: '/install',
    summary: 'A script that installs the agent: curl … | sh -s -- --token …',
    tag: 'install',
    access: 'anyone',
    answers: { 200: v.string() },
    async handle({ request, reply }) {
      reply.type('text/x-shellscript; charset=utf-8').header('cache-control', 'no-store');
      return await scriptFor(request);
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/install/agent/:arch',
    summary: 'Which bundle to install, line by line, for the holder of a token',
    tag: 'install',
    access: 'enrolling',
    params: v.object({ arch: v.picklist(architectures) }),
    answers: { 200: v.string() },
    async handle({ params: { arch }, request, reply }) {
      await requireInstaller(world, request);
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store');
      return linesOf(offered(doors, arch));
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/install/bundles/:digest',
    summary: 'The bundle of a release, or a range of it',
    tag: 'install',
    access: 'enrolling',
    params: v.object({ digest: DigestText }),
    answers: { 200: v.string(), 206: v.string() },
    async handle({ params: { digest }, request, reply }) {
      await requireInstaller(world, request);
      if (doors.releases.withBundle(digest) === null) {
        throw new FettleError('NOT_FOUND', { what: `bundle ${digest}` });
      }
      return await sendBlob(world.blobs, digest, { request, reply });
    },
  });
}

/** The script with the address under which it was asked for. */
async function scriptFor({ protocol, host }: FastifyRequest): Promise<string> {
  // What stands there is run by a shell.
  if (!/^[\w.:[\]-]{1,255}$/.test(host)) {
    throw new FettleError('BAD_ARGUMENT', { what: 'host', expected: 'a host name', got: host });
  }
  const script = await readFile(join(productRoot(), 'deploy', 'device', 'install.sh'), 'utf8');
  return script.replaceAll('@CONTROLLER@', `${protocol}://${host}`);
}

/** Who may enrol, or has. Nothing of the token is spent. */
async function requireInstaller(world: World, request: FastifyRequest): Promise<void> {
  const token = bearerOf(request.headers.authorization);
  if (token === null) throw new FettleError('UNAUTHORIZED', { reason: 'no token was given' });
  if (world.fleet.byTokenHash(hashToken(token)) === null) await requireToken(world, token);
}

/**
 * The newest release that a rollout has brought to its devices; before any has, the newest one.
 * Throws `NOT_FOUND`.
 */
function offered(
  { releases, rollouts }: InstallDoors,
  arch: Architecture,
): { release: ReleaseRecord; bundle: BundleRecord } {
  const proven = rollouts
    .list()
    .filter(({ model, state }) => model === agentModel && state === 'succeeded')
    .map(({ version }) => version);
  const known = releases.list().filter(({ archivedAt }) => !archivedAt);
  const inOrder = [...known.filter(({ release }) => proven.includes(release)), ...known];
  for (const release of inOrder) {
    const bundle = release.bundles.find((one) => one.arch === arch);
    if (bundle) return { release, bundle };
  }
  const what = `an agent for ${arch} (fettle bundle --arch ${arch}, then fettle release push)`;
  throw new FettleError('NOT_FOUND', { what });
}

/** For a shell, that reads them without a program for JSON. */
function linesOf({ release, bundle }: ReturnType<typeof offered>): string {
  const { digest, bytes, unpackedBytes } = bundle;
  const fields = { release: release.release, version: release.version };
  const lines = Object.entries({ ...fields, digest, bytes, unpackedBytes });
  return lines.map(([name, value]) => `${name}=${value}\n`).join('');
}
