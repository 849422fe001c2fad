/**
 * A version of a model compared with one that it replaces, by the controller; and a variant with
 * the one that serves, by a device.
 */
import * as v from 'valibot';
import { Count, Text } from './fields.ts';

export const comparisonStates = ['holds', 'falls', 'unknown', 'measuring'] as const;

export const VersionComparison = v.object({
  version: Count,
  /** The version that it replaces. */
  against: Count,
  /** Devices that serve that one now; 0 where it is only the newest before. */
  devices: Count,
  /** `falls`: beyond what is allowed; `unknown`: nothing could be compared. */
  state: v.picklist(comparisonStates),
  /** Two values of one metric on one data set, or how far both answer alike. */
  basis: v.picklist(['quality', 'agreement', 'nothing']),
  metric: v.nullable(v.string()),
  /** The metric's value of the version that is replaced, and of this one. */
  before: v.nullable(v.number()),
  after: v.nullable(v.number()),
  /** The share of samples that both answer alike; null where that was not measured. */
  agreement: v.nullable(v.number()),
  samples: v.nullable(Count),
  /** How far the value may fall, or the least agreement; null where nothing is asked. */
  limit: v.nullable(v.number()),
  /** One sentence with the figures. */
  reason: Text,
});
export type VersionComparison = v.InferOutput<typeof VersionComparison>;

/** How far a new variant said the same as the one before it, on requests of that moment. */
export const LiveAgreement = v.looseObject({
  /** Runs that both were given. */
  samples: Count,
  /** The share that they answered alike. */
  agreement: v.number(),
  /** The worst signal-to-noise ratio; 200 where they are equal. */
  sqnrDb: v.number(),
});
export type LiveAgreement = v.InferOutput<typeof LiveAgreement>;

/** The same on the golden inputs of the new variant, which need nobody who asks. */
export const GoldenAgreement = v.looseObject({
  ...LiveAgreement.entries,
  /** What served before. */
  version: Count,
  recipeName: v.string(),
});
export type GoldenAgreement = v.InferOutput<typeof GoldenAgreement>;
