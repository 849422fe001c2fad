/**
 * How a device becomes one of the fleet: a token from the administrator, its own secrets in return.
 */
import { randomBytes } from 'node:crypto';
import { FettleError } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import { type Device, type LabelMap, parseLabels } from './fleet.ts';
import { hashToken, newToken } from './secrets.ts';
import type { World } from './world.ts';

export interface EnrolmentToken {
  readonly id: string;
  readonly token: string;
  readonly expiresMs: number;
  readonly maxUses: number;
}

export interface TokenRequest {
  readonly expiresInSeconds: number;
  readonly maxUses: number;
  /** Given to every device that enrols with it. */
  readonly labels: LabelMap;
}

/** A token that is shown this once; what is stored is its hash. */
export async function createEnrolmentToken(
  world: World,
  request: TokenRequest,
): Promise<EnrolmentToken> {
  const token = newToken('fte');
  const id = randomBytes(6).toString('hex');
  const expiresMs = world.now() + request.expiresInSeconds * 1000;
  await world.db
    .insertInto('enrolment_tokens')
    .values({
      id,
      hash: hashToken(token),
      labels: encodeJson(request.labels),
      expires_ms: expiresMs,
      uses_left: request.maxUses,
      created_ms: world.now(),
    })
    .execute();
  return { id, token, expiresMs, maxUses: request.maxUses };
}

export interface Enrolled {
  readonly device: Device;
  readonly deviceToken: string;
  readonly mqttPassword: string;
  /** Whether the device was known: its old secrets are void from now on. */
  readonly again: boolean;
}

interface Claim {
  readonly token: string;
  readonly device: string;
  readonly labels: LabelMap;
}

/**
 * Spends one use of the token and gives the device new secrets. A device that enrols again begins
 * its reports anew, for it has lost what it knew. Throws `ENROLMENT_REFUSED`.
 */
export async function enrol(world: World, claim: Claim): Promise<Enrolled> {
  const deviceToken = newToken('ftd');
  const mqttPassword = newToken('ftm');
  const hashes = { tokenHash: hashToken(deviceToken), mqttHash: hashToken(mqttPassword) };
  const now = world.now();
  const labels = await world.db.transaction().execute(async (db) => {
    const given = await spendToken(db, claim.token, now);
    const merged = { ...claim.labels, ...given };
    const row = {
      labels: encodeJson(merged),
      token_hash: hashes.tokenHash,
      mqtt_hash: hashes.mqttHash,
      enrolled_ms: now,
      reported_seq: -1,
      reported: null,
      reported_ms: null,
    };
    await db
      .insertInto('devices')
      .values({ ...row, device: claim.device, revision: 0 })
      .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
      .execute();
    return merged;
  });
  const known = world.fleet.get(claim.device);
  if (!known) {
    const device = { ...newDevice(claim.device, labels, now), ...hashes };
    world.fleet.add(device);
    return { device, deviceToken, mqttPassword, again: false };
  }
  world.fleet.rotate(known, hashes);
  Object.assign(known, { labels, enrolledMs: now, reported: null, reportedMs: null });
  known.reportedSeq = -1;
  return { device: known, deviceToken, mqttPassword, again: true };
}

/** Throws `ENROLMENT_REFUSED` where a device could not enrol with this token now. */
export async function requireToken({ db, now }: Pick<World, 'db' | 'now'>, token: string) {
  const row = await db
    .selectFrom('enrolment_tokens')
    .selectAll()
    .where('hash', '=', hashToken(token))
    .executeTakeFirst();
  if (!row) throw refused('unknown token');
  if (row.expires_ms <= now()) throw refused('the token has expired');
  if (row.uses_left <= 0) throw refused('the token has no uses left');
  return row;
}

async function spendToken(db: World['db'], token: string, now: number): Promise<LabelMap> {
  const row = await requireToken({ db, now: () => now }, token);
  await db
    .updateTable('enrolment_tokens')
    .set({ uses_left: row.uses_left - 1 })
    .where('id', '=', row.id)
    .execute();
  return parseLabels(row.labels);
}

function newDevice(
  device: string,
  labels: LabelMap,
  enrolledMs: number,
): Omit<Device, 'tokenHash' | 'mqttHash'> {
  return {
    device,
    labels,
    enrolledMs,
    seenMs: null,
    online: false,
    reportedSeq: -1,
    reported: null,
    reportedMs: null,
    profile: null,
    revision: 0,
    desired: null,
    rollout: null,
    desiredMs: null,
    telemetrySeconds: null,
    release: null,
    releaseMs: null,
    golden: null,
    recent: [],
  };
}

function refused(reason: string): FettleError {
  return new FettleError('ENROLMENT_REFUSED', { reason });
}
