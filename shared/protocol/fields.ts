/** The small schemas that documents are made of. */
import * as v from 'valibot';
import type { Digest } from '../digest.ts';
import { digestPattern } from '../digest.ts';
import { errorTable } from '../errors.ts';
import { isName } from './topics.ts';

export const Name = v.pipe(
  v.string(),
  v.check(isName, 'expected a name of lower-case letters, digits, dot, dash or underscore'),
);
export const DigestText = v.pipe(
  v.custom<Digest>(
    (value) => typeof value === 'string' && digestPattern.test(value),
    'expected sha256: and 64 hexadecimal digits',
  ),
);
/** ISO 8601, UTC. */
export const Instant = v.pipe(
  v.string(),
  v.isoTimestamp(),
  // The form alone lets the 45th of a month pass.
  v.check((text) => Number.isFinite(Date.parse(text)), 'expected an instant that exists'),
);
/** At most what a number holds exactly, and what a database counts in. */
export const Count = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(Number.MAX_SAFE_INTEGER),
);
/** Something counted over a short time: so many of them add up to a count too. */
export const Tally = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e12));
/** Something measured: so many of them add up to a finite number too. */
export const Measure = v.pipe(v.number(), v.minValue(-1e15), v.maxValue(1e15));
/** What stands in a key of the database: an index takes no text of any length. */
export const Key = v.pipe(v.string(), v.maxLength(200));
export const Text = v.pipe(v.string(), v.maxLength(4000));
export const Labels = v.record(Name, v.pipe(v.string(), v.maxLength(64)));

export const ErrorReportSchema = v.looseObject({
  code: v.picklist(Object.keys(errorTable) as (keyof typeof errorTable)[]),
  message: Text,
  hint: Text,
  retryable: v.boolean(),
});

/** One input or output of a model; a dimension that varies is -1. */
export const TensorInfo = v.looseObject({
  name: v.string(),
  type: v.string(),
  shape: v.array(v.number()),
});
export type TensorInfo = v.InferOutput<typeof TensorInfo>;
