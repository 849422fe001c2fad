/** What a telemetry window says of its device besides requests; absent: not measured. */
import * as v from 'valibot';
import { Count } from './fields.ts';

const Share = v.optional(v.nullable(v.number()));

export const readings = {
  /** The largest number of runs that waited. */
  queue: v.optional(Count),
  /** Mean runs that went together, where runs are gathered into batches. */
  batch: v.optional(v.number()),
  /** The slowest of the agent's cores. */
  frequencyMHz: v.optional(v.number()),
  /** Whether the processor was slowed down, by heat or by too little power. */
  throttled: v.optional(v.boolean()),
  /** What the board takes, or where only that is counted, the packages of its processor. */
  powerW: v.optional(v.number()),
  /** What each rail takes, where there are several; they overlap. */
  rails: v.optional(v.array(v.looseObject({ name: v.string(), watts: v.number() }))),
  /** Of an integrated GPU: the share of its time that it was busy, 0 to 1. */
  gpuLoad: v.optional(v.number()),
  /** Where the agent keeps its data. */
  diskFreeMiB: v.optional(v.number()),
  /** Of the agent with controller and broker. */
  networkBytes: v.optional(v.looseObject({ sent: Count, received: Count })),
  /** How far inputs and outputs are from those of the calibration set, 0 to 1. */
  inputDrift: Share,
  outputDrift: Share,
} as const;
export type Readings = v.InferOutput<v.ObjectSchema<typeof readings, undefined>>;
