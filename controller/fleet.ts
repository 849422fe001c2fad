/**
 * Every device in memory: the database is the truth, this is what is read a thousand times a
 * second.
 */
import type * as v from 'valibot';
import type { Labels } from '../shared/protocol/fields.ts';
import { Desired, Release, Reported, type Window } from '../shared/protocol/messages.ts';
import { Profile } from '../shared/protocol/profile.ts';
import { type Database, decodeStored, readStored } from './store/database.ts';

export type LabelMap = v.InferOutput<typeof Labels>;

/** Changes of labels; null takes one away. */
export type LabelChanges = Readonly<Record<string, string | null>>;

export interface Device {
  readonly device: string;
  /** What people changed of its labels. */
  labels: LabelChanges;
  /** What it brought when it enrolled; its profile may say otherwise by now. */
  deviceLabels: LabelMap;
  tokenLabels: LabelMap;
  tokenHash: string;
  mqttHash: string;
  /** Of the key by which its machine is known again; null: it enrolled without one. */
  keyHash: string | null;
  enrolledMs: number;
  /** When anything was last heard of it, by the controller's clock. */
  seenMs: number | null;
  online: boolean;
  reportedSeq: number;
  reported: Reported | null;
  reportedMs: number | null;
  profile: Profile | null;
  revision: number;
  desired: Desired | null;
  rollout: string | null;
  desiredMs: number | null;
  /** Length of its telemetry windows; null: as the settings say. */
  telemetrySeconds: number | null;
  /** Which agent it should run, and since when it is told so; null: whichever it has. */
  release: Release | null;
  releaseMs: number | null;
  /** On which share of its golden samples the newest choice agreed; null: not heard of yet. */
  golden: { readonly model: string; readonly version: number; readonly agreement: number } | null;
  /** The last minute of telemetry, oldest first. */
  recent: { arrivedMs: number; window: Window }[];
}

export interface Fleet {
  readonly devices: ReadonlyMap<string, Device>;
  get(device: string): Device | null;
  /** The device that this bearer token's hash belongs to. */
  byTokenHash(hash: string): Device | null;
  add(device: Device): void;
  /** Changes the hash under which a token is found. */
  rotate(device: Device, hashes: { tokenHash: string; mqttHash: string }): void;
  remove(device: string): void;
}

/** `onFault` hears of documents of a device that cannot be read: they count as not sent yet. */
export async function loadFleet(db: Database, onFault: (thrown: unknown) => void): Promise<Fleet> {
  const devices = new Map<string, Device>();
  const byToken = new Map<string, Device>();
  const add = (device: Device) => {
    devices.set(device.device, device);
    byToken.set(device.tokenHash, device);
  };
  const rows = await db.selectFrom('devices').selectAll().orderBy('device').execute();
  const releases = await db.selectFrom('release_goals').selectAll().execute();
  const releaseOf = new Map(releases.map((row) => [row.device, row]));
  for (const row of rows) {
    const release = releaseOf.get(row.device);
    const reported = row.reported === null ? null : readStored(Reported, row.reported, onFault);
    add({
      device: row.device,
      labels: parseLabels(row.labels),
      deviceLabels: parseLabels(row.device_labels),
      tokenLabels: parseLabels(row.token_labels),
      tokenHash: row.token_hash,
      mqttHash: row.mqtt_hash,
      keyHash: row.key_hash,
      enrolledMs: row.enrolled_ms,
      seenMs: row.seen_ms,
      online: false,
      reportedSeq: reported === null ? -1 : row.reported_seq,
      reported,
      reportedMs: row.reported_ms,
      profile: row.profile === null ? null : readStored(Profile, row.profile, onFault),
      revision: row.revision,
      desired: row.desired === null ? null : decodeStored(Desired, row.desired),
      rollout: row.rollout,
      desiredMs: row.desired_ms,
      telemetrySeconds: row.telemetry_seconds,
      release: release ? decodeStored(Release, release.document) : null,
      releaseMs: release?.at_ms ?? null,
      golden: null,
      recent: [],
    });
  }
  return {
    devices,
    get: (device) => devices.get(device) ?? null,
    byTokenHash: (hash) => byToken.get(hash) ?? null,
    add,
    rotate(device, { tokenHash, mqttHash }) {
      byToken.delete(device.tokenHash);
      device.tokenHash = tokenHash;
      device.mqttHash = mqttHash;
      byToken.set(tokenHash, device);
    },
    remove(name) {
      const device = devices.get(name);
      if (device) byToken.delete(device.tokenHash);
      devices.delete(name);
    },
  };
}

/** What selectors see: what the device and its token brought, and what people changed of that. */
export function labelsOf(device: Device): LabelMap {
  const labels = { ...broughtLabels(device), ...device.labels };
  const kept = Object.entries(labels).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  );
  return Object.fromEntries(kept);
}

/** The labels of a device before people changed any. */
export function broughtLabels({ profile, deviceLabels, tokenLabels }: Device): LabelMap {
  return { ...deviceLabels, ...profile?.labels, ...tokenLabels };
}

export function parseLabels(text: string): LabelMap {
  const labels: LabelMap = JSON.parse(text);
  return labels;
}
