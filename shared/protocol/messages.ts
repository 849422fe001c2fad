/**
 * The documents that travel over MQTT, one schema a channel. Unknown members are kept, unknown
 * versions refused.
 */
import * as v from 'valibot';
import { Recipe } from '../compress/recipe.ts';
import { FettleError } from '../errors.ts';
import { sentenceOf } from '../issues.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { GoldenAgreement, LiveAgreement } from './comparisons.ts';
import { happening } from './device-log.ts';
import {
  Count,
  DigestText,
  ErrorReportSchema,
  Instant,
  Key,
  Measure,
  Name,
  Tally,
  TensorInfo,
  Text,
} from './fields.ts';
import { Profile } from './profile.ts';
import { readings } from './readings.ts';
import { agentStates, deviceStates } from './states.ts';
import { Summary } from './summary.ts';
import { type Address, type Channel, topicOf } from './topics.ts';
import { objectives, Plan, Quality, Tuning } from './tuning.ts';

/** A model as a device is told of it. */
export const ModelGoal = v.looseObject({
  name: Name,
  version: Count,
  /** Digest and size of the source. */
  digest: DigestText,
  bytes: Count,
  inputs: v.array(TensorInfo),
  outputs: v.array(TensorInfo),
  sourceQuality: v.nullable(Quality),
  /** How far quality may fall below the source's. */
  maxDrop: v.number(),
  objective: v.picklist(objectives),
  limits: v.looseObject({
    latencyMsP95: v.optional(v.number()),
    memoryMiB: v.optional(v.number()),
    bytes: v.optional(v.number()),
    /** The least share of live requests that a new variant answers as the one before it does. */
    agreement: v.optional(v.number()),
  }),
  /** What is worth trying, the source first. */
  candidates: v.array(Recipe),
});
export type ModelGoal = v.InferOutput<typeof ModelGoal>;

/** What a device should run. Retained; signed by the controller; the revision only rises. */
export const Desired = v.looseObject({
  v: v.literal(1),
  device: Name,
  revision: Count,
  at: Instant,
  rollout: v.nullable(v.string()),
  /** null: run nothing. */
  model: v.nullable(ModelGoal),
  /** What another device of the class chose, to be verified instead of searched for. */
  hint: v.nullable(
    v.looseObject({
      hardwareClass: v.string(),
      recipe: Recipe,
      plan: Plan,
      /** What the other device measured. */
      latencyMsP50: v.optional(v.number()),
    }),
  ),
  tuningBudgetSeconds: v.number(),
  soakSeconds: v.number(),
  /**
   * The least share of requests and golden inputs that it answers as the variant before it; null
   * asks for none. Absent: as the limits of the model say.
   */
  agreement: v.optional(v.nullable(v.number())),
  telemetrySeconds: v.number(),
  /** W3C trace context of what it comes from. */
  traceparent: v.optional(v.string()),
  signature: v.looseObject({ keyId: v.string(), ed25519: v.string() }),
});
export type Desired = v.InferOutput<typeof Desired>;

/** Which agent a device should run. Retained and signed; its revision only rises. */
export const Release = v.looseObject({
  v: v.literal(1),
  device: Name,
  revision: Count,
  at: Instant,
  rollout: v.nullable(v.string()),
  /** The release, and the product's version in it. */
  release: Count,
  version: v.string(),
  /** The bundle for this device's architecture. */
  digest: DigestText,
  bytes: Count,
  /** It has to be connected, and to serve what was served before, within this time. */
  healthySeconds: v.number(),
  signature: v.looseObject({ keyId: v.string(), ed25519: v.string() }),
});
export type Release = v.InferOutput<typeof Release>;

/** How the agent itself stands. */
export const AgentReport = v.looseObject({
  version: v.string(),
  /** The bundle that runs; null where the agent was not put there by the install command. */
  digest: v.nullable(DigestText),
  /** The newest revision of `release` that it has taken up. */
  revision: Count,
  state: v.picklist(agentStates),
  reason: Text,
  error: v.nullable(ErrorReportSchema),
});
export type AgentReport = v.InferOutput<typeof AgentReport>;

/** What a device serves: the variant that is loaded and answering. */
export const Serving = v.looseObject({
  model: Name,
  version: Count,
  recipe: Recipe,
  recipeName: v.string(),
  variant: DigestText,
  bytes: Count,
  sourceBytes: Count,
  plan: Plan,
  quality: v.nullable(Quality),
  /** Of the trial that it was chosen by. */
  latencyMsP50: v.number(),
  /** One short line, and what it rests on. */
  reason: Text,
  proof: v.optional(v.nullable(Text)),
  since: Instant,
  /** Measured before the switch to it; null where nobody asked meanwhile. */
  live: v.optional(v.nullable(LiveAgreement)),
  /** Measured before the switch to it; null where nothing served, or the inputs differ. */
  onGolden: v.optional(v.nullable(GoldenAgreement)),
});
export type Serving = v.InferOutput<typeof Serving>;

/** What a device does run, and on its way to what. Retained. */
export const Reported = v.looseObject({
  v: v.literal(1),
  device: Name,
  /** Rises by one with every report of this device, across restarts. */
  seq: Count,
  /** The desired revision this report speaks of. */
  revision: Count,
  at: Instant,
  state: v.picklist(deviceStates),
  /** When it came into this state, on this revision. */
  since: v.optional(Instant),
  /** One sentence: what it is doing, or waits for. */
  reason: Text,
  progress: v.nullable(
    v.looseObject({ what: v.string(), done: v.number(), total: v.number(), unit: v.string() }),
  ),
  serving: v.nullable(Serving),
  error: v.nullable(ErrorReportSchema),
  /** Where its inference endpoint listens, as the device sees it. */
  endpoint: v.nullable(v.string()),
  agent: v.optional(AgentReport),
});
export type Reported = v.InferOutput<typeof Reported>;

export const Histogram = v.looseObject({
  count: Tally,
  sum: Measure,
  min: Measure,
  max: Measure,
  /** By the number of the bucket. */
  buckets: v.record(v.pipe(v.string(), v.regex(/^-?\d{1,5}$/)), Tally),
});

/** Counts and latencies over a span of time. */
export const Window = v.looseObject({
  /** Rises by one with every window of this spool; a gap is a loss. */
  seq: Count,
  start: Instant,
  seconds: Measure,
  model: v.nullable(Name),
  version: v.nullable(Count),
  variant: v.nullable(DigestText),
  requests: Tally,
  errors: Tally,
  /** Milliseconds from request to answer. */
  latencyMs: Histogram,
  memoryMiB: Measure,
  /** Processor time used, in cores. */
  cores: Measure,
  temperatureC: v.nullable(Measure),
  ...readings,
});
export type Window = v.InferOutput<typeof Window>;

/**
 * Windows in order. `spool` changes when a device loses its store, so that `seq` may begin again.
 */
export const Telemetry = v.looseObject({
  v: v.literal(1),
  device: Name,
  spool: Key,
  /** Windows dropped because the spool was full. */
  dropped: Count,
  windows: v.array(Window),
});
export type Telemetry = v.InferOutput<typeof Telemetry>;

/** The controller has stored what is named: the device need not send it again. */
export const Ack = v.looseObject({
  v: v.literal(1),
  reportedSeq: v.optional(Count),
  tuningRevision: v.optional(Count),
  telemetry: v.optional(v.looseObject({ spool: v.string(), seq: Count })),
  event: v.optional(v.looseObject({ spool: v.string(), seq: Count })),
  /** Length of telemetry windows from now on. */
  telemetrySeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(3600))),
});
export type Ack = v.InferOutput<typeof Ack>;

export const DeviceEvent = v.looseObject({
  v: v.literal(1),
  device: Name,
  at: Instant,
  level: v.picklist(['info', 'warn', 'error']),
  code: Key,
  message: Text,
  ...happening,
  /** Rises by one with every event of this spool; sent again until acknowledged. */
  spool: v.optional(Key),
  seq: v.optional(Count),
});
export type DeviceEvent = v.InferOutput<typeof DeviceEvent>;

/** Retained; `online: false` is the will. */
export const Presence = v.looseObject({
  v: v.literal(1),
  device: Name,
  online: v.boolean(),
  boot: v.string(),
});
export type Presence = v.InferOutput<typeof Presence>;

/**
 * An inference request and its answer, for devices whose application speaks only MQTT: Open
 * Inference Protocol v2 bodies.
 */
export const InferMessage = v.looseObject({
  v: v.literal(1),
  id: v.string(),
  model: Name,
  /** W3C trace context: of who asks, or of the request's span in the answer. */
  traceparent: v.optional(v.string()),
});
export type InferMessage = v.InferOutput<typeof InferMessage>;

export const messages = {
  desired: Desired,
  release: Release,
  ack: Ack,
  infer: InferMessage,
  summary: Summary,
  reported: Reported,
  profile: Profile,
  tuning: Tuning,
  telemetry: Telemetry,
  event: DeviceEvent,
  presence: Presence,
  inferred: InferMessage,
} as const satisfies Record<Channel, v.GenericSchema>;

export type Message<C extends Channel> = v.InferOutput<(typeof messages)[C]>;

/** The largest payload a side accepts. */
export const messageBytesMax = 1 << 20;

/** A payload as the channel's document. Throws `MESSAGE_INVALID` that says what was expected. */
export function decodeMessage<C extends Channel>(
  address: Address & { channel: C },
  payload: Uint8Array,
): Message<C> {
  const refuse = (reason: string) =>
    new FettleError('MESSAGE_INVALID', { topic: topicOf(address), reason });
  if (payload.length > messageBytesMax) {
    throw refuse(`${payload.length} bytes, at most ${messageBytesMax} are accepted`);
  }
  const document = decodeJson(Buffer.from(payload).toString('utf8'), refuse);
  const result = v.safeParse(messages[address.channel], document);
  if (!result.success) throw refuse(sentenceOf(messages[address.channel], result.issues));
  return result.output as Message<C>;
}

/** Throws `NOT_FINITE`. */
export function encodeMessage(document: object): Buffer {
  return Buffer.from(encodeJson(document));
}
