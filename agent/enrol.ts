/**
 * Who this device is to its controller. Trust on first use: the enrolment token vouches for the
 * first contact, the controller's key is pinned with it, and a different key later is refused.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { writeFileAtomic } from '../shared/atomic-file.ts';
import { waitBackoff } from '../shared/backoff.ts';
import { controllerUrl } from '../shared/controller-url.ts';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { BrokerAnswer, EnrolAnswer, type EnrolRequest } from '../shared/protocol/api.ts';
import { deviceRoutes } from '../shared/protocol/routes.ts';
import { isName } from '../shared/protocol/topics.ts';
import { refusalOf, strangerError } from '../shared/refusal.ts';
import { callJson } from './http-client.ts';
import { machineKey, machineMark } from './machine.ts';
import type { AgentSettings } from './settings.ts';

const Identity = v.object({
  ...EnrolAnswer.entries,
  /** The controller's address as it was reached. */
  controller: v.string(),
});
export type Identity = v.InferOutput<typeof Identity>;

const enrolTimeoutMs = 15_000;
const waitingBackoff = { baseMs: 1000, maxMs: 60_000 } as const;
/** Names that are tried where the host name and what is proposed are other machines'. */
const namesMax = 3;

/** The identity as `identify` finds it, waiting for a controller that does not answer yet. */
export async function awaitIdentity(
  settings: AgentSettings,
  signal: AbortSignal,
  { attemptsMax, onWait }: { attemptsMax: number; onWait: (thrown: FettleError) => void },
): Promise<Identity> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await identify(settings, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      const waits = thrown instanceof FettleError && thrown.code === 'CONTROLLER_UNREACHABLE';
      if (!waits || attempt + 1 >= attemptsMax) throw thrown;
      onWait(thrown);
      await waitBackoff(attempt, waitingBackoff, signal);
    }
  }
}

/**
 * The identity on disk, or a new one from the controller. Needs no network when it is known, and
 * keeps its name whatever the host is called by now. Throws `ENROLMENT_REFUSED`, `NAME_TAKEN`,
 * `CONTROLLER_UNREACHABLE`, `BAD_SETTING`.
 */
export async function identify(settings: AgentSettings, signal: AbortSignal): Promise<Identity> {
  const path = identityPath(settings);
  const known = settings.reenrol
    ? await readIdentity(path).catch(() => null)
    : await readIdentity(path);
  if (known && settings.named && known.device !== settings.device) {
    const expected = `${known.device}, as which ${settings.dataFolder} is enrolled`;
    throw new FettleError('BAD_SETTING', { setting: '--name', expected, got: settings.device });
  }
  if (known && !settings.reenrol) {
    return settings.controller === null ? known : { ...known, controller: settings.controller };
  }
  return known
    ? await enrolAgain(settings, known, { signal, pinned: false })
    : await enrolNew(settings, signal);
}

/**
 * Asks for new credentials under the name it has. Throws `SIGNATURE_INVALID` where the controller's
 * key is to be the `pinned` one and is not.
 */
export async function enrolAgain(
  settings: AgentSettings,
  { device, deviceToken, controllerKey }: Identity,
  { signal, pinned }: { readonly signal: AbortSignal; readonly pinned: boolean },
): Promise<Identity> {
  const grounds = { proof: deviceToken, pinnedKey: pinned ? controllerKey : null };
  return await enrol({ ...settings, device }, grounds, signal);
}

/** Under the host name, or where that is another machine's under the name that is proposed. */
async function enrolNew(settings: AgentSettings, signal: AbortSignal): Promise<Identity> {
  const { device: wanted, named } = settings;
  let device = wanted;
  for (let left = namesMax; ; left--) {
    try {
      return await enrol({ ...settings, device }, { wanted }, signal);
    } catch (thrown) {
      const taken = thrown instanceof FettleError && thrown.code === 'NAME_TAKEN';
      const proposed = taken ? String(thrown.details.proposed) : '';
      if (named || left === 0 || !isName(proposed)) throw thrown;
      device = proposed;
    }
  }
}

interface Grounds {
  /** The token of before. */
  readonly proof?: string;
  readonly wanted?: string;
  /** The controller's key that must not have changed. */
  readonly pinnedKey?: string | null;
}

async function enrol(
  settings: AgentSettings,
  { pinnedKey = null, ...grounds }: Grounds,
  signal: AbortSignal,
): Promise<Identity> {
  const { controller, token, device, labels } = settings;
  if (controller === null) throw missing('--controller', 'the address of the controller');
  if (token === null && grounds.proof === undefined) {
    throw missing('--token', 'an enrolment token (fettle device token)');
  }
  const key = await machineKey(settings.dataFolder);
  const given = { device, labels, key, machine: await machineMark(key), ...grounds };
  const body: EnrolRequest = token === null ? given : { ...given, token };
  const { url, answer } = await ask(controller, body, signal);
  if (answer.status >= 400) throw refusalOf(url, answer);
  const parsed = v.safeParse(EnrolAnswer, answer.body);
  if (!parsed.success) throw strangerError(url, answer);
  if (pinnedKey !== null && parsed.output.controllerKey.trim() !== pinnedKey.trim()) {
    throw new FettleError('SIGNATURE_INVALID', { revision: 'of the enrolment' });
  }
  const identity = { ...parsed.output, controller };
  await writeFileAtomic(identityPath(settings), encodeJson(identity, 2), 0o600);
  return identity;
}

async function ask(controller: string, body: EnrolRequest, signal: AbortSignal) {
  const url = controllerUrl(controller, deviceRoutes.enrol()).href;
  const call = { url, method: 'POST', body, timeoutMs: enrolTimeoutMs, signal } as const;
  return { url: controller, answer: await callJson(call) };
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
    url: controllerUrl(identity.controller, deviceRoutes.broker()).href,
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
