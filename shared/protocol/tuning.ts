/** What a device measures: plans, trials and the tuning that chooses among them. */
import * as v from 'valibot';
import { Recipe } from '../compress/recipe.ts';
import { Count, DigestText, ErrorReportSchema, Instant, Key, Name, Text } from './fields.ts';

/** How a device runs a variant. */
export const Plan = v.looseObject({
  provider: v.string(),
  /** Threads of one session. */
  threads: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Sessions side by side (data parallel). */
  instances: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Samples of one run. */
  batch: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Parts the graph is cut into (model parallel). */
  stages: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Without the runtime's memory arena where false: less memory is kept, allocation is slower. */
  arena: v.optional(v.boolean()),
  /** Without weights copied into the kernels' order where false: less memory, slower. */
  prepack: v.optional(v.boolean()),
  /** Processors, as the kernel counts, that its threads are bound to; absent: any. */
  cpus: v.optional(v.array(Count)),
});
export type Plan = v.InferOutput<typeof Plan>;

export const objectives = ['latency', 'throughput', 'memory', 'bytes', 'energy'] as const;

/** How good a variant is, measured where the evaluation data is. */
export const Quality = v.looseObject({
  metric: v.string(),
  value: v.number(),
  samples: Count,
  /** The source's value minus this one's, on the same samples; positive is worse. */
  drop: v.number(),
  /** Upper end of the one-sided 95 % confidence interval of `drop`. */
  dropUpper: v.number(),
});
export type Quality = v.InferOutput<typeof Quality>;

/** One variant under one plan on one device. */
export const Trial = v.looseObject({
  recipe: Recipe,
  recipeName: v.string(),
  plan: Plan,
  variant: v.nullable(DigestText),
  bytes: Count,
  state: v.picklist(['done', 'failed', 'skipped']),
  /** Why it failed or was skipped. */
  error: v.nullable(ErrorReportSchema),
  quality: v.nullable(Quality),
  latencyMsP50: v.number(),
  latencyMsP95: v.number(),
  throughputPerSecond: v.number(),
  /** Peak resident memory of the trial's process. */
  memoryMiB: v.number(),
  loadMs: v.number(),
  runs: Count,
  /** How closely it was looked at: 0 is a first look, each further one is three times as long. */
  rung: v.optional(Count),
  /**
   * Agreement with the golden outputs: the share of samples with the same top-1, and the worst
   * signal-to-noise ratio.
   */
  golden: v.nullable(v.looseObject({ samples: Count, agreement: v.number(), sqnrDb: v.number() })),
  temperatureC: v.nullable(v.number()),
  /** Joules of one run, all that the device took while it ran; absent where nobody asked. */
  energyJ: v.optional(v.nullable(v.number())),
  /** Half the width of the 95 % confidence interval of the median latency, over the median. */
  spread: v.optional(v.number()),
  /** Measured side by side with the source under its best plan, alternating in one process. */
  versus: v.optional(
    v.nullable(
      v.looseObject({
        /** The source's figure over this one's: above 1 this one is faster. */
        ratio: v.number(),
        /** 95 % confidence interval of the ratio. */
        low: v.number(),
        high: v.number(),
        rounds: Count,
      }),
    ),
  ),
  /** What disturbed the measurement, e.g. throttling; null where nothing did. */
  disturbed: v.optional(v.nullable(Text)),
  at: Instant,
});
export type Trial = v.InferOutput<typeof Trial>;

export const Choice = v.looseObject({
  recipe: Recipe,
  recipeName: v.string(),
  plan: Plan,
  variant: DigestText,
  bytes: Count,
  quality: v.nullable(Quality),
  latencyMsP50: v.number(),
  latencyMsP95: v.number(),
  throughputPerSecond: v.number(),
  memoryMiB: v.number(),
  /** One short line. */
  reason: Text,
  /** What it rests on: intervals, the runner-up, what was refused. */
  proof: v.optional(v.nullable(Text)),
});
export type Choice = v.InferOutput<typeof Choice>;

/** Output channels of a layer that pruning kept, and how many there were; absent where all are. */
export const Channels = v.optional(v.looseObject({ kept: Count, of: Count }));

/** The trials of one model on one device, their Pareto front and the choice with its reason. */
export const Tuning = v.looseObject({
  v: v.literal(1),
  device: Name,
  revision: Count,
  model: Name,
  version: Count,
  hardwareClass: Key,
  runtimeVersion: Key,
  objective: v.picklist(objectives),
  /** The source under its best plan; null where it did not fit. */
  baseline: v.nullable(Trial),
  trials: v.array(Trial),
  /** Indices into `trials`. */
  front: v.array(Count),
  chosen: v.nullable(Choice),
  /**
   * Of what was chosen: the bits of each layer, and microseconds in the source and in it; null
   * where they were not measured, or could not be told apart.
   */
  layers: v.optional(
    v.array(
      v.looseObject({
        name: v.string(),
        bits: v.number(),
        channels: Channels,
        beforeUs: v.nullable(v.number()),
        afterUs: v.nullable(v.number()),
      }),
    ),
  ),
  /** Why this was chosen, or why nothing could be. */
  reason: v.optional(Text),
  /** What was left out, and why, one sentence each. */
  notes: v.optional(v.array(Text)),
  seconds: v.number(),
  at: Instant,
});
export type Tuning = v.InferOutput<typeof Tuning>;
