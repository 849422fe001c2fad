/** Roles of people, their tokens, and the log of what they changed. */
import * as v from 'valibot';
import { Count, Instant, Name } from './fields.ts';

/** From least to most: each may what those before it may. */
export const personRoles = ['viewer', 'operator', 'admin'] as const;
export type PersonRole = (typeof personRoles)[number];

export const PersonRequest = v.strictObject({
  name: Name,
  role: v.picklist(personRoles),
  /** Never, where it is absent. */
  expiresInSeconds: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(315_360_000)),
  ),
});

export const PersonRecord = v.object({
  name: Name,
  role: v.picklist(personRoles),
  createdAt: Instant,
  expiresAt: v.nullable(Instant),
});
export type PersonRecord = v.InferOutput<typeof PersonRecord>;

export const PersonAnswer = v.object({
  ...PersonRecord.entries,
  /** Shown this once. */
  token: v.string(),
});

export const AuditEntry = v.object({
  seq: Count,
  at: Instant,
  /** Name of the token that asked, or `enrolment`. */
  who: v.string(),
  /** Method and path. */
  action: v.string(),
  /** What was sent, as canonical JSON or, where that is long, its digest. */
  detail: v.string(),
  /** Hash of the entry before this one. */
  previous: v.string(),
  /** SHA-256 of the other members' canonical JSON, with `at` as `at_ms`. */
  hash: v.string(),
});
export type AuditEntry = v.InferOutput<typeof AuditEntry>;

export const AuditVerdict = v.object({
  entries: Count,
  head: v.string(),
  brokenAt: v.nullable(Count),
});
export type AuditVerdict = v.InferOutput<typeof AuditVerdict>;
