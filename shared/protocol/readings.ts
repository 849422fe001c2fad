/** What a telemetry window says of its device besides requests; absent: not measured. */
import * as v from 'valibot';
import { Count, Measure, Tally } from './fields.ts';

/** Why a request got no answer, where that is no fault of the variant. */
export const unservedReasons = ['refused', 'expired', 'cancelled', 'invalid', 'internal'] as const;
export type UnservedReason = (typeof unservedReasons)[number];

const Unserved = v.object({
  /** The queue was full, or so long that an answer would have come too late. */
  refused: v.optional(Tally),
  /** Its turn did not come in time. */
  expired: v.optional(Tally),
  /** Whoever asked had gone. */
  cancelled: v.optional(Tally),
  /** It could not be understood, or does not fit the model. */
  invalid: v.optional(Tally),
  /** A fault of the agent. */
  internal: v.optional(Tally),
} satisfies Record<UnservedReason, unknown>);
export type Unserved = v.InferOutput<typeof Unserved>;

const Share = v.optional(v.nullable(Measure));

export const readings = {
  /** The largest number of runs that waited. */
  queue: v.optional(Count),
  /** Requests that are neither in `requests` nor in `errors`: counts, where there were any. */
  unserved: v.optional(Unserved),
  /** Mean runs that went together, where runs are gathered into batches. */
  batch: v.optional(Measure),
  /** The slowest of the agent's cores. */
  frequencyMHz: v.optional(Measure),
  /** Whether the processor was slowed down, by heat or by too little power. */
  throttled: v.optional(v.boolean()),
  /** What the board takes, or where only that is counted, the packages of its processor. */
  powerW: v.optional(Measure),
  /** What each rail takes, where there are several; they overlap. */
  rails: v.optional(v.array(v.looseObject({ name: v.string(), watts: Measure }))),
  /** Of an integrated GPU: the share of its time that it was busy, 0 to 1. */
  gpuLoad: v.optional(Measure),
  /** Where the agent keeps its data. */
  diskFreeMiB: v.optional(Measure),
  /** Of the agent with controller and broker. */
  networkBytes: v.optional(v.looseObject({ sent: Tally, received: Tally })),
  /** How far inputs and outputs are from those of the calibration set, 0 to 1. */
  inputDrift: Share,
  outputDrift: Share,
} as const;
export type Readings = v.InferOutput<v.ObjectSchema<typeof readings, undefined>>;

export function addUnserved(a: Unserved, b: Unserved): Unserved {
  const sums: Unserved = {};
  for (const reason of unservedReasons) {
    const sum = (a[reason] ?? 0) + (b[reason] ?? 0);
    if (sum > 0) sums[reason] = sum;
  }
  return sums;
}
