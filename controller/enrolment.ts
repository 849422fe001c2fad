/**
 * How a device becomes one of the fleet: a token from the administrator, its own secrets in return.
 */
import { randomBytes } from 'node:crypto';
import { FettleError } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';
import type { EnrolRequest } from '../shared/protocol/api.ts';
import { type Device, type LabelMap, parseLabels } from './fleet.ts';
import { freeName } from './free-name.ts';
import { hashToken, matchesHash, newToken } from './secrets.ts';
import { instant, type World } from './world.ts';

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
  /** The device whose place another machine may take with it. */
  readonly replaces: string | null;
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
      replaces: request.replaces,
    })
    .execute();
  return { id, token, expiresMs, maxUses: request.maxUses };
}

/** `again`: the same machine once more; `replaced`: another machine in the place of one. */
export type Joining = 'new' | 'again' | 'replaced';

export interface Enrolled {
  readonly device: Device;
  readonly deviceToken: string;
  readonly mqttPassword: string;
  /** Unless it is new, the old secrets of this name are void from now on. */
  readonly joining: Joining;
}

/**
 * Gives a machine new secrets. A name that is new costs one use of the token; the machine that has
 * it already, known by its key or its last token, may ask again as often as answers get lost; any
 * other machine needs a token made to replace that device. Who enrols again begins its reports
 * anew, for it has lost what it knew. Throws `ENROLMENT_REFUSED`, `NAME_TAKEN`.
 */
export async function enrol(world: World, claim: EnrolRequest): Promise<Enrolled> {
  const secrets = { deviceToken: newToken('ftd'), mqttPassword: newToken('ftm') };
  const hashes = {
    tokenHash: hashToken(secrets.deviceToken),
    mqttHash: hashToken(secrets.mqttPassword),
  };
  const known = world.fleet.get(claim.device);
  const own = known !== null && isSameMachine(known, claim);
  const joining = known === null ? 'new' : own ? 'again' : 'replaced';
  const keyHash = claim.key === undefined ? null : hashToken(claim.key);
  const standing = {
    enrolledMs: world.now(),
    deviceLabels: claim.labels ?? {},
    keyHash: keyHash ?? (own ? known.keyHash : null),
  };
  const given = await world.db.transaction().execute(async (db) => {
    const admitted = own
      ? { tokenLabels: (await labelsOfToken({ ...world, db }, claim)) ?? known.tokenLabels }
      : await admit({ ...world, db }, claim, known);
    await store(db, claim, { ...standing, ...hashes, ...admitted });
    return admitted;
  });
  if (!known) {
    const device = { ...newDevice(claim.device), ...standing, ...given, ...hashes };
    world.fleet.add(device);
    return { device, ...secrets, joining };
  }
  world.fleet.rotate(known, hashes);
  // What it brings now counts at once; the rest of its profile does until it sends a new one.
  const profile = known.profile && { ...known.profile, labels: standing.deviceLabels };
  const nothing = { reported: null, reportedMs: null, reportedSeq: -1 };
  Object.assign(known, { ...standing, ...given, profile, ...nothing });
  return { device: known, ...secrets, joining };
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

function isSameMachine(known: Device, { key, proof }: EnrolRequest): boolean {
  if (key !== undefined && known.keyHash !== null && matchesHash(key, known.keyHash)) return true;
  return proof !== undefined && matchesHash(proof, known.tokenHash);
}

type At = Pick<World, 'db' | 'now'>;

/** Of the token that a known machine shows, where that is still good; no use of it is spent. */
async function labelsOfToken(at: At, { token }: EnrolRequest): Promise<LabelMap | null> {
  if (token === undefined) return null;
  const row = await requireToken(at, token).catch((thrown) => {
    if (thrown instanceof FettleError) return null;
    throw thrown;
  });
  return row && parseLabels(row.labels);
}

interface Admitted {
  readonly tokenLabels: LabelMap;
  /** Where it begins to count what it is told, above what a predecessor of its name was told. */
  readonly revision?: number;
}

/** Spends one use of the token for a machine that does not have this name. */
async function admit(
  at: At & Pick<World, 'fleet'>,
  claim: EnrolRequest,
  known: Device | null,
): Promise<Admitted> {
  const { device, token } = claim;
  const { db } = at;
  const removed = await db
    .selectFrom('removed')
    .selectAll()
    .where('device', '=', device)
    .executeTakeFirst();
  if (token === undefined) {
    throw refused(removed ? removedAt(device, removed.at_ms) : 'no token was given');
  }
  const row = await requireToken(at, token);
  if (removed && row.created_ms <= removed.at_ms) {
    const told = 'a token of before does not bring it back';
    throw refused(`${removedAt(device, removed.at_ms)}; ${told}`);
  }
  if (row.replaces !== null && row.replaces !== device) {
    throw refused(`the token is for ${row.replaces} alone`);
  }
  if (known && row.replaces !== device) throw nameTaken(at.fleet, claim);
  await spend(db, row.id);
  const tokenLabels = parseLabels(row.labels);
  if (known) return { tokenLabels };
  await db.deleteFrom('removed').where('device', '=', device).execute();
  return { tokenLabels, revision: removed?.revision ?? 0 };
}

function removedAt(device: string, atMs: number): string {
  return `${device} was removed from the fleet at ${instant(atMs)}`;
}

function nameTaken(fleet: World['fleet'], claim: EnrolRequest): FettleError {
  const { device, machine } = claim;
  const proposed = freeName({ name: device, machine: machine ?? null }, (name) => {
    const holder = fleet.get(name);
    return holder === null || isSameMachine(holder, claim);
  });
  return new FettleError('NAME_TAKEN', { device, proposed });
}

/** In one statement: two machines may show the last use of a token at the same time. */
async function spend(db: World['db'], id: string): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('enrolment_tokens')
    .set((row) => ({ uses_left: row('uses_left', '-', 1) }))
    .where('id', '=', id)
    .where('uses_left', '>', 0)
    .executeTakeFirst();
  if (Number(numUpdatedRows) === 0) throw refused('the token has no uses left');
}

type Standing = Pick<Device, 'enrolledMs' | 'deviceLabels' | 'keyHash' | 'tokenHash' | 'mqttHash'> &
  Admitted;

async function store(db: World['db'], { device }: EnrolRequest, now: Standing): Promise<void> {
  const row = {
    device_labels: encodeJson(now.deviceLabels),
    token_labels: encodeJson(now.tokenLabels),
    token_hash: now.tokenHash,
    mqtt_hash: now.mqttHash,
    key_hash: now.keyHash,
    enrolled_ms: now.enrolledMs,
    reported_seq: -1,
    reported: null,
    reported_ms: null,
  };
  if (now.revision === undefined) {
    await db.updateTable('devices').set(row).where('device', '=', device).execute();
    return;
  }
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('devices')
    .values({ ...row, device, labels: '{}', revision: now.revision })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  // Another machine was given the name in this very moment; asked again, it will be known.
  if (Number(numInsertedOrUpdatedRows) === 0) throw refused(`${device} enrols at this moment`);
}

function newDevice(
  device: string,
): Omit<Device, 'tokenHash' | 'mqttHash' | 'keyHash' | 'enrolledMs' | 'tokenLabels'> {
  return {
    device,
    labels: {},
    deviceLabels: {},
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
