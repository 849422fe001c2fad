/** The documents of rollouts: what is asked for, and how it stands. */
import * as v from 'valibot';
import { VersionComparison } from './comparisons.ts';
import { Count, Instant, Name, Text } from './fields.ts';
import { gateNames } from './gate-names.ts';
import { WaveOutlook } from './outlook.ts';
import { memberStates, rolloutStates } from './states.ts';
import { Usage } from './usage.ts';

export const Wave = v.strictObject({
  /** How many devices are in by the end of this wave: a count, or a share of the members. */
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  percent: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(100))),
  /** It begins only when a person approves of it. */
  approval: v.optional(v.boolean()),
});
export type Wave = v.InferOutput<typeof Wave>;

export const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const Clock = v.pipe(v.string(), v.regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected hh:mm'));

/** When devices may be given a model; outside of it the rollout waits, but still rolls back. */
export const Maintenance = v.strictObject({
  /** IANA name, e.g. `Europe/Berlin`. */
  timeZone: v.pipe(v.string(), v.maxLength(64)),
  windows: v.pipe(
    v.array(
      v.strictObject({
        /** The days on which it begins; none is every day. */
        days: v.array(v.picklist(days)),
        from: Clock,
        /** At or before `from`: it ends on the next day. */
        to: Clock,
      }),
    ),
    v.minLength(1),
    v.maxLength(50),
  ),
});
export type Maintenance = v.InferOutput<typeof Maintenance>;

const Limit = v.nullable(v.pipe(v.number(), v.minValue(0)));

/** Thresholds; null is no gate. Each is judged for every hardware class by itself. */
export const GateLimits = v.strictObject({
  /** p95 over the device's own before, and over that of devices not updated yet: 2 is twice. */
  latencyRatio: v.optional(Limit, 2),
  /** How far the share of requests that failed may rise: 0.02 is two in a hundred. */
  errorRise: v.optional(Limit, 0.02),
  /** Resident memory over the device's own before. */
  memoryRatio: v.optional(Limit, 1.5),
  /** The hottest device. */
  temperatureC: v.optional(Limit, 95),
  /** The smallest share of golden samples that agree. */
  goldenAgreement: v.optional(Limit, 0.9),
  /** The smallest share of live requests that it answers as the variant before it did. */
  liveAgreement: v.optional(Limit, 0.5),
  /** How far outputs may drift from those of the calibration set. */
  outputDrift: v.optional(Limit, 0.25),
  /** Failed devices of a hundred that were given the model. */
  failurePercent: v.optional(Limit, null),
  /** Fewer requests say nothing. */
  minRequests: v.optional(Count, 20),
  /** `failurePercent` needs that many devices that were given the model. */
  minDevices: v.optional(Count, 5),
});
export type GateLimits = v.InferOutput<typeof GateLimits>;

export const breachActions = ['pause', 'abort', 'rollback'] as const;
export type BreachAction = (typeof breachActions)[number];
export const breachScopes = ['fleet', 'class'] as const;

/**
 * What becomes of a device that is offline when its turn comes: the rollout ends when it has come,
 * or without it and takes it in later, or its silence counts like that of any other.
 */
export const offlineRules = ['wait', 'skip', 'fail'] as const;
export type OfflineRule = (typeof offlineRules)[number];

export const RolloutRequest = v.strictObject({
  model: Name,
  version: v.optional(Count),
  /** Kubernetes label selector syntax over labels and facts; '' is every device. */
  selector: v.optional(v.string()),
  waves: v.optional(v.pipe(v.array(Wave), v.minLength(1), v.maxLength(50))),
  soakSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** A device that says nothing new for so long counts as failed. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1))),
  /** Failed devices at which it acts; with scope `class`, of one class. */
  maxFailures: v.optional(Count),
  tuningBudgetSeconds: v.optional(v.pipe(v.number(), v.minValue(1))),
  /** Devices of each hardware class that must serve it before others of the class get it. */
  scouts: v.optional(Count),
  /** Devices under way at once; null is as many as the wave has. */
  maxConcurrent: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1)))),
  /** No further device is taken in where fewer would be left that are neither open nor failed. */
  minHealthyPercent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
  /** How long a rollout that succeeded is reopened by a regression. */
  watchSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
  maintenance: v.optional(v.nullable(Maintenance)),
  gates: v.optional(GateLimits),
  /** What is done when a gate is breached, and to whom. */
  onBreach: v.optional(v.picklist(breachActions)),
  breachScope: v.optional(v.picklist(breachScopes)),
  /** It is started though the version falls below one that it replaces. */
  force: v.optional(v.boolean()),
  offline: v.optional(v.picklist(offlineRules)),
  /** Gates over traffic that have nothing to go by hold the rollout up, and then breach. */
  requireData: v.optional(v.boolean()),
  /** A selector that names nobody yet is meant so. */
  allowEmpty: v.optional(v.boolean()),
});
export type RolloutRequest = v.InferOutput<typeof RolloutRequest>;
/** As it is sent: gates that are not named keep their thresholds. */
export type RolloutAsked = v.InferInput<typeof RolloutRequest>;

/** One gate as it stands for one hardware class; a class of null is the whole fleet. */
export const Verdict = v.object({
  gate: v.picklist(gateNames),
  class: v.nullable(v.string()),
  against: v.picklist(['limit', 'baseline', 'control']),
  value: v.nullable(v.number()),
  threshold: v.number(),
  /** Requests or devices that the value rests on. */
  samples: Count,
  state: v.picklist(['holds', 'breached', 'accepted', 'no data']),
  /** One sentence with the figures. */
  reason: Text,
});
export type Verdict = v.InferOutput<typeof Verdict>;

/** What a breach rested on, as it stood at that moment. */
export const Breach = v.object({
  at: Instant,
  verdicts: v.array(Verdict),
  /** Devices of what breached that had the version: the failed ones first, at most 100. */
  devices: v.array(
    v.object({
      device: Name,
      class: v.string(),
      state: v.picklist(memberStates),
      since: v.nullable(Instant),
      reason: Text,
      /** With this version, and with the one before when it was given this one. */
      now: v.nullable(Usage),
      before: v.nullable(Usage),
    }),
  ),
});
export type Breach = v.InferOutput<typeof Breach>;

/** A hardware class that was taken out of the rollout. */
export const Stop = v.object({
  class: v.string(),
  action: v.picklist(breachActions),
  reason: Text,
  at: Instant,
});
export type Stop = v.InferOutput<typeof Stop>;

export const waitKinds = ['devices', 'approval', 'maintenance', 'health', 'person'] as const;
export type WaitKind = (typeof waitKinds)[number];

export const RolloutRecord = v.looseObject({
  id: v.string(),
  model: Name,
  version: Count,
  selector: v.string(),
  waves: v.array(Wave),
  wave: Count,
  state: v.picklist(rolloutStates),
  /** One sentence: what it waits for, or why it ended. */
  reason: Text,
  /** What kind of thing it waits for, and since when. */
  waitsFor: v.optional(v.nullable(v.picklist(waitKinds)), null),
  since: v.optional(v.nullable(Instant), null),
  soakSeconds: v.number(),
  timeoutSeconds: v.number(),
  maxFailures: Count,
  tuningBudgetSeconds: v.number(),
  scouts: v.optional(Count, 0),
  maxConcurrent: v.optional(v.nullable(Count), null),
  minHealthyPercent: v.optional(v.number(), 0),
  watchSeconds: v.optional(v.number(), 0),
  maintenance: v.optional(v.nullable(Maintenance), null),
  gates: v.optional(GateLimits, {}),
  onBreach: v.optional(v.picklist(breachActions), 'pause'),
  breachScope: v.optional(v.picklist(breachScopes), 'fleet'),
  /** The version against those that it replaces, as that stood when it was started. */
  comparisons: v.optional(v.array(VersionComparison), []),
  /** It was started though one of them says no, or before it said anything. */
  forced: v.optional(v.boolean(), false),
  offline: v.optional(v.picklist(offlineRules), 'skip'),
  requireData: v.optional(v.boolean(), false),
  /** The last wave that a person has approved of. */
  approvedWave: v.optional(Count, 0),
  /** Breached gates that a person has resumed over, as `gate/against/class`. */
  accepted: v.optional(v.array(v.string()), []),
  /** Every device that has it gets back what it ran before. */
  reverting: v.optional(v.boolean(), false),
  stops: v.optional(v.array(Stop), []),
  members: v.array(
    v.looseObject({
      device: Name,
      class: v.optional(v.string(), ''),
      wave: Count,
      state: v.picklist(memberStates),
      revision: v.nullable(Count),
      since: v.nullable(Instant),
      reason: Text,
      /** It was offline when its turn came: it waits, and counts neither for nor against. */
      offline: v.optional(v.boolean(), false),
    }),
  ),
  /** The newest breach; null where there was none. */
  breach: v.optional(v.nullable(Breach), null),
  /** What whoever started it was told, one sentence each. */
  notes: v.optional(v.array(Text), []),
  /** How each gate stands now; of one that a breach ended, how it stood then. */
  verdicts: v.optional(v.array(Verdict), []),
  /** Which gates can speak at all, for each wave that has devices. */
  outlook: v.optional(v.array(WaveOutlook), []),
  createdAt: Instant,
  endedAt: v.nullable(Instant),
  /** Since when it is out of the lists; it gives nothing to anybody. */
  archivedAt: v.optional(v.nullable(Instant)),
  /** W3C trace context of who started it, or did something to it since. */
  traceparent: v.optional(v.nullable(v.string()), null),
});
export type RolloutRecord = v.InferOutput<typeof RolloutRecord>;

/** What a rollout would do, device by device, in the order in which they would be admitted. */
export const RolloutPreview = v.looseObject({
  model: Name,
  version: Count,
  waves: v.array(Wave),
  members: v.array(
    v.looseObject({
      device: Name,
      class: v.string(),
      wave: Count,
      /** It would be tuned before others of its class. */
      scout: v.boolean(),
      online: v.boolean(),
      /** `model version` of now, or null; in a rollout of the agent which one of those runs. */
      serves: v.nullable(v.string()),
      /** `model version`; or the version of the agent, and which bundle. */
      gets: v.string(),
      /** `no`: not even the smallest variant; `tight`: only a smaller variant than the source. */
      fits: v.picklist(['yes', 'tight', 'no']),
      /** Why it does not fit, or what will be done; one sentence each. */
      notes: v.array(Text),
    }),
  ),
  /** The version against each that it would replace. */
  comparisons: v.optional(v.array(VersionComparison), []),
  outlook: v.optional(v.array(WaveOutlook), []),
  /** What holds for all of them, one sentence each. */
  notes: v.array(Text),
});
export type RolloutPreview = v.InferOutput<typeof RolloutPreview>;
