/** What a trial's process is asked and what it answers: one JSON line each way. */
import * as v from 'valibot';
import { Plan } from '../../shared/protocol/tuning.ts';

const Contestant = v.object({
  path: v.string(),
  goldenPath: v.nullable(v.string()),
  plan: Plan,
});
export type Contestant = v.InferOutput<typeof Contestant>;

/** How long and how exactly to measure. */
export const Effort = v.object({
  warmUpMs: v.number(),
  /** Runs, and seconds of running, below which no measurement ends. */
  runsMin: v.number(),
  secondsMin: v.number(),
  /** Half the width of the median's interval over the median, at which it may end. */
  spread: v.number(),
  secondsMax: v.number(),
  /** Unix milliseconds at which it ends with what it has: the budget's end. */
  endsAtMs: v.optional(v.number()),
});
export type Effort = v.InferOutput<typeof Effort>;

/**
 * One contestant is measured alone; several alternate, and all but the first are compared with it.
 */
export const TrialRequest = v.object({
  contestants: v.array(Contestant),
  compare: v.picklist(['latency', 'throughput']),
  effort: Effort,
  /** Whether the power is measured meanwhile. */
  power: v.boolean(),
  /** The folder that stands for `/` where sensors are read. */
  root: v.optional(v.string()),
});
export type TrialRequest = v.InferOutput<typeof TrialRequest>;

const Ratio = v.object({
  ratio: v.number(),
  low: v.number(),
  high: v.number(),
  rounds: v.number(),
});
export type Ratio = v.InferOutput<typeof Ratio>;

export const Measured = v.object({
  loadMs: v.number(),
  golden: v.nullable(v.object({ samples: v.number(), agreement: v.number(), sqnrDb: v.number() })),
  latencyMsP50: v.number(),
  latencyMsP95: v.number(),
  throughputPerSecond: v.number(),
  runs: v.number(),
  spread: v.number(),
  /** The first contestant's figure over this one's, paired by round; null for the first. */
  versus: v.nullable(Ratio),
});
export type Measured = v.InferOutput<typeof Measured>;

/** What else the machine did while the contestants were timed; null where it cannot be read. */
export const Conditions = v.object({
  seconds: v.number(),
  /** Processors that the process may use. */
  cores: v.number(),
  /** Of these, what other processes used. */
  otherCores: v.nullable(v.number()),
  /** What the host of a virtual machine gave to others. */
  stolenCores: v.nullable(v.number()),
  frequencyMHzBefore: v.nullable(v.number()),
  frequencyMHzAfter: v.nullable(v.number()),
  throttles: v.nullable(v.number()),
  temperatureC: v.nullable(v.number()),
  /** Mean of what the device took; null where nobody asked. */
  powerW: v.nullable(v.number()),
});
export type Conditions = v.InferOutput<typeof Conditions>;

export const TrialAnswer = v.object({
  measured: v.array(Measured),
  /** Peak resident memory of the process, MiB. */
  peakMiB: v.number(),
  conditions: Conditions,
});
export type TrialAnswer = v.InferOutput<typeof TrialAnswer>;

/** The process could not measure; which contestant, and why. */
export const TrialRefusal = v.object({
  refused: v.object({ contestant: v.number(), code: v.string(), message: v.string() }),
});

export const NodeProfileRequest = v.object({
  /** Variants with the same layers: one answer each, in this order. */
  files: v.array(v.object({ path: v.string(), goldenPath: v.nullable(v.string()) })),
  /** For traces: whoever asks removes it. */
  folder: v.string(),
  plan: Plan,
  /** The layers by name. */
  layers: v.array(v.string()),
  runsMin: v.number(),
  runsMax: v.number(),
  seconds: v.number(),
});
export type NodeProfileRequest = v.InferOutput<typeof NodeProfileRequest>;

/** Microseconds of each layer, null where it is not there; null where none can be told. */
export const NodeProfileAnswer = v.object({
  layerUs: v.nullable(v.array(v.nullable(v.number()))),
});
export type NodeProfileAnswer = v.InferOutput<typeof NodeProfileAnswer>;
