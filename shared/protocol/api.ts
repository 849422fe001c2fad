/**
 * The documents of the controller's HTTP API. Routes are listed in `controller/api/`, and in its
 * OpenAPI.
 */
import * as v from 'valibot';
import { Recipe } from '../compress/recipe.ts';
import { Manifest } from '../evaluate/manifest.ts';
import { VersionComparison } from './comparisons.ts';
import { LogEntry } from './device-log.ts';
import {
  Count,
  DigestText,
  ErrorReportSchema,
  Instant,
  Labels,
  Name,
  TensorInfo,
  Text,
} from './fields.ts';
import { Desired, Reported, Window } from './messages.ts';
import { Profile } from './profile.ts';
import type { RolloutRecord } from './rollouts.ts';
import { Channels, Quality, Tuning } from './tuning.ts';

/** RFC 9457 problem details, with the product's error code. */
export const Problem = v.looseObject({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.string(),
  code: v.string(),
  hint: v.string(),
  retryable: v.boolean(),
});
export type Problem = v.InferOutput<typeof Problem>;

export const EnrolRequest = v.strictObject({
  /** From `fettle device token`; a machine that is known by its key needs none. */
  token: v.optional(v.string()),
  device: Name,
  labels: v.optional(Labels),
  /**
   * Made by the machine and kept before its first request: whoever enrols a name again with the
   * same key is the same machine, and gets its answer without another use of a token.
   */
  key: v.optional(v.pipe(v.string(), v.regex(/^[\w-]{32,128}$/))),
  /** The device token of before, from a machine that enrolled without a key. */
  proof: v.optional(v.string()),
  /** A few characters that tell the machine from others with the same host name. */
  machine: v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9]{1,16}$/))),
  /** The name it would have had, were that not another device's. */
  wanted: v.optional(Name),
});
export type EnrolRequest = v.InferInput<typeof EnrolRequest>;
export const EnrolAnswer = v.looseObject({
  device: Name,
  /** Bearer token of this device, for HTTP. */
  deviceToken: v.string(),
  /** The controller's Ed25519 public key (SPKI PEM), to be pinned. */
  controllerKey: v.string(),
  /** Its labels as selectors see them. */
  labels: v.optional(Labels),
  mqtt: v.looseObject({ url: v.string(), username: v.string(), password: v.string() }),
});
export type EnrolAnswer = v.InferOutput<typeof EnrolAnswer>;

/** Where a device finds the broker, for one whose broker has moved since it enrolled. */
export const BrokerAnswer = v.looseObject({ url: v.string() });

export const PushRequest = v.strictObject({
  manifest: Manifest,
  /** Digests of blobs that were uploaded before. */
  model: DigestText,
  calibration: v.nullable(DigestText),
  evaluation: v.nullable(DigestText),
});
export type PushRequest = v.InferOutput<typeof PushRequest>;

export const ModelRecord = v.looseObject({
  name: Name,
  version: Count,
  state: v.picklist(['measuring', 'ready', 'failed']),
  /** What is being done, while measuring. */
  progress: v.nullable(
    v.looseObject({ what: v.string(), done: v.number(), total: v.number(), unit: v.string() }),
  ),
  error: v.nullable(ErrorReportSchema),
  manifest: Manifest,
  digest: DigestText,
  bytes: Count,
  calibration: v.nullable(DigestText),
  evaluation: v.nullable(DigestText),
  inputs: v.array(TensorInfo),
  outputs: v.array(TensorInfo),
  opset: v.nullable(v.number()),
  parameters: v.nullable(v.number()),
  quality: v.nullable(Quality),
  /** What the package lacks and what follows from it, one sentence each. */
  notes: v.array(Text),
  createdAt: Instant,
  /** Since when it is out of the lists; it is not rolled out. */
  archivedAt: v.optional(v.nullable(Instant)),
});
export type ModelRecord = v.InferOutput<typeof ModelRecord>;

/** A file compressed, by its own digest, where that is smaller: what devices fetch. */
const Sent = v.optional(
  v.nullable(v.looseObject({ encoding: v.string(), digest: DigestText, bytes: Count })),
);

export const VariantRecord = v.looseObject({
  /** Digest of (model digest, recipe, calibration digest, compressor version). */
  id: DigestText,
  model: Name,
  version: Count,
  recipe: Recipe,
  recipeName: v.string(),
  state: v.picklist(['queued', 'building', 'ready', 'failed']),
  progress: v.nullable(
    v.looseObject({ what: v.string(), done: v.number(), total: v.number(), unit: v.string() }),
  ),
  error: v.nullable(ErrorReportSchema),
  digest: v.nullable(DigestText),
  bytes: v.nullable(Count),
  sent: Sent,
  quality: v.nullable(Quality),
  golden: v.nullable(
    v.looseObject({ digest: DigestText, bytes: Count, samples: Count, sent: Sent }),
  ),
  /** Node name, operator, bits it got, and why where it stayed float. */
  layers: v.array(
    v.looseObject({
      name: v.string(),
      op: v.string(),
      bits: v.number(),
      channels: Channels,
      reason: v.nullable(v.string()),
    }),
  ),
  seconds: v.nullable(v.number()),
  createdAt: Instant,
});
export type VariantRecord = v.InferOutput<typeof VariantRecord>;

/** Merged over the last minute of telemetry; null where there was none. */
const Recent = v.nullable(
  v.looseObject({
    requestsPerSecond: v.number(),
    errors: Count,
    /** null where nothing was asked meanwhile. */
    latencyMsP50: v.nullable(v.number()),
    latencyMsP95: v.nullable(v.number()),
    memoryMiB: v.number(),
    cores: v.number(),
    temperatureC: v.nullable(v.number()),
  }),
);

/** One line of the fleet. */
export const DeviceSummary = v.looseObject({
  device: Name,
  labels: Labels,
  online: v.boolean(),
  lastSeen: v.nullable(Instant),
  enrolledAt: Instant,
  hardwareClass: v.nullable(v.string()),
  board: v.nullable(v.string()),
  processor: v.nullable(v.string()),
  cores: v.nullable(v.number()),
  desiredRevision: Count,
  reported: v.nullable(Reported),
  recent: Recent,
});
export type DeviceSummary = v.InferOutput<typeof DeviceSummary>;

/** What every telemetry window changes of a summary: a sixth of its bytes. */
export const DeviceReading = v.looseObject({
  device: Name,
  lastSeen: v.nullable(Instant),
  recent: Recent,
});
export type DeviceReading = v.InferOutput<typeof DeviceReading>;

export const DeviceDetail = v.looseObject({
  ...DeviceSummary.entries,
  profile: v.nullable(Profile),
  desired: v.nullable(Desired),
  tuning: v.nullable(Tuning),
  /** What it serves against the version that served before it. */
  before: v.optional(v.nullable(VersionComparison), null),
  /** The newest of its log, the newest first. */
  events: v.array(LogEntry),
  /** The cursor of older ones; null where there are none. */
  eventsNext: v.nullable(v.string()),
  windows: v.array(Window),
});
export type DeviceDetail = v.InferOutput<typeof DeviceDetail>;

/** Telemetry over a stretch of time; where steps are longer than a window, windows are merged. */
export const TelemetryAnswer = v.object({
  from: Instant,
  to: Instant,
  stepSeconds: v.number(),
  /** The oldest first. */
  windows: v.array(Window),
});
export type TelemetryAnswer = v.InferOutput<typeof TelemetryAnswer>;

/** Server-sent events: the name is `event:`, and `data:` is an array of such documents. */
export interface LiveEvents {
  device: DeviceSummary;
  /** The newest entry of a device's log that is new or happened again. */
  log: { readonly device: string; readonly entry: LogEntry };
  reading: DeviceReading;
  model: ModelRecord;
  variant: VariantRecord;
  rollout: RolloutRecord;
  /** It was removed. */
  gone: { readonly kind: 'model' | 'rollout'; readonly key: string };
}
