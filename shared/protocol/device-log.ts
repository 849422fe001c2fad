/** What the log of a device is made of: each entry is one fact of its life. */
import * as v from 'valibot';
import { Count, Instant, Text } from './fields.ts';

export const logKinds = [
  // What it does: idle, fetching, tuning, proving, serving, failed.
  'state',
  // What it should run, and since which revision.
  'goal',
  // Which variant answers.
  'variant',
  // How a rollout counts it.
  'rollout',
  'connection',
  // The agent itself: started, stopped, updated.
  'agent',
  // What people set: labels, how often it sends telemetry.
  'settings',
  'error',
] as const;
export type LogKind = (typeof logKinds)[number];

export const logLevels = ['info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export const LogEntry = v.looseObject({
  /** When it happened; of an entry that stands for several, the first. */
  at: Instant,
  /** When it happened last. */
  lastAt: Instant,
  /** How often it happened. */
  times: Count,
  kind: v.picklist(logKinds),
  level: v.picklist(logLevels),
  code: v.string(),
  message: Text,
});
export type LogEntry = v.InferOutput<typeof LogEntry>;

/** What an event says of itself beside its text. */
export const happening = {
  /** One of `logKinds`; what is unknown counts as an error, or as of the agent. */
  kind: v.optional(v.string()),
  /** How long ago it happened when it is sent, by the device's running clock where it can. */
  ageSeconds: v.optional(v.pipe(v.number(), v.minValue(0))),
};

/** Of a fact whose sender names no kind. */
export function kindOf(kind: string | undefined, level: LogLevel): LogKind {
  return logKinds.find((known) => known === kind) ?? (level === 'info' ? 'agent' : 'error');
}
