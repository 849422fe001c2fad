/**
 * Who this device is to its controller. Trust on first use: the enrolment token vouches for the
 * first contact, the controller's key is pinned with it, and a different key later is refused.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { BrokerAnswer, EnrolAnswer } from '../shared/protocol/api.ts';
import { deviceRoutes } from '../shared/protocol/routes.ts';
import { callJson, problemOf } from './http-client.ts';
import type { AgentSettings } from './settings.ts';

const Identity = v.object({
  ...EnrolAnswer.entries,
  /** The controller's address as it was reached. */
  controller: v.string(),
});
export type Identity = v.InferOutput<typeof Identity>;

const enrolTimeoutMs = 15_000;

/**
 * The identity on disk, or a new one from the controller. Needs no network when it is known.
 * Throws `ENROLMENT_REFUSED`, `CONTROLLER_UNREACHABLE`, `BAD_SETTING`.
 */
export async function identify(settings: AgentSettings, signal: AbortSignal): Promise<Identity> {
  const path = identityPath(settings);
  if (settings.reenrol) await rm(path, { force: true });
  const known = await readIdentity(path);
  if (known && known.device === settings.device) {
    return settings.controller === null ? known : { ...known, controller: settings.controller };
  }
  if (known) {
    const expected = `${known.device}, as which ${settings.dataFolder} is enrolled`;
    throw new FettleError('BAD_SETTING', { setting: '--name', expected, got: settings.device });
  }
  return await enrol(settings, null, signal);
}

/**
 * Asks the controller anew, for credentials that it no longer takes. The pinned key must be the
 * same: throws `SIGNATURE_INVALID` otherwise.
 */
export async function enrol(
  settings: AgentSettings,
  pinnedKey: string | null,
  signal: AbortSignal,
): Promise<Identity> {
  const { controller, token, device, labels } = settings;
  if (controller === null) throw missing('--controller', 'the address of the controller');
  if (token === null) throw missing('--token', 'an enrolment token (fettle device token)');
  const answer = await callJson({
    url: new URL(deviceRoutes.enrol(), controller).href,
    method: 'POST',
    body: { token, device, labels },
    timeoutMs: enrolTimeoutMs,
    signal,
  });
  if (answer.status >= 400) {
    throw new FettleError('ENROLMENT_REFUSED', { reason: problemOf(answer).detail });
  }
  const parsed = v.safeParse(EnrolAnswer, answer.body);
  if (!parsed.success) {
    const reason = `the answer is not an enrolment (${parsed.issues[0].message})`;
    throw new FettleError('ENROLMENT_REFUSED', { reason });
  }
  if (pinnedKey !== null && parsed.output.controllerKey.trim() !== pinnedKey.trim()) {
    throw new FettleError('SIGNATURE_INVALID', { revision: 'of the enrolment' });
  }
  const identity = { ...parsed.output, controller };
  await writeFileAtomic(identityPath(settings), encodeJson(identity, 2), 0o600);
  return identity;
}

/**
 * The identity with the broker's present address, for a broker that is no longer reached: it may
 * have moved with its controller. The same identity where nothing has changed or nobody answers.
 */
export async function findBroker(
  settings: AgentSettings,
  identity: Identity,
  signal: AbortSignal,
): Promise<Identity> {
  const answer = await callJson({
    url: new URL(deviceRoutes.broker(), identity.controller).href,
    method: 'GET',
    token: identity.deviceToken,
    timeoutMs: enrolTimeoutMs,
    signal,
  }).catch(() => null);
  const parsed = v.safeParse(BrokerAnswer, answer?.body);
  if (answer?.status !== 200 || !parsed.success) return identity;
  const { url } = parsed.output;
  if (url === identity.mqtt.url) return identity;
  const moved = { ...identity, mqtt: { ...identity.mqtt, url } };
  await writeFileAtomic(identityPath(settings), encodeJson(moved, 2), 0o600);
  return moved;
}

/** What an enrolment left in the folder; null where nothing there can be read. */
export async function knownIdentity(dataFolder: string): Promise<Identity | null> {
  return await readIdentity(identityPath({ dataFolder })).catch(() => null);
}

function identityPath({ dataFolder }: Pick<AgentSettings, 'dataFolder'>): string {
  return join(dataFolder, 'identity.json');
}

async function readIdentity(path: string): Promise<Identity | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
  }
  try {
    return v.parse(Identity, JSON.parse(text));
  } catch (thrown) {
    const reason = `${reasonOf(thrown)}; remove it and give --token to enrol again`;
    throw new FettleError('FILE_UNREADABLE', { path, reason }, { cause: thrown });
  }
}

function missing(setting: string, expected: string): FettleError {
  return new FettleError('BAD_SETTING', {
    setting,
    expected,
    got: 'nothing, and this device is not enrolled yet',
  });
}
