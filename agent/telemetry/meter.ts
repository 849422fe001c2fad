/** Counts of requests and their latencies, per variant, over the present window. */
import { emptyHistogram, type Histogram, merge, record } from '../../shared/histogram.ts';
import type { Serving } from '../../shared/protocol/messages.ts';
import { addUnserved, type Unserved, type UnservedReason } from '../../shared/protocol/readings.ts';

/** What a window is about; windows never mix two variants. */
export type Subject = Pick<Serving, 'model' | 'version' | 'variant'>;

export interface Tally {
  readonly subject: Subject | null;
  readonly requests: number;
  readonly errors: number;
  readonly latencyMs: Histogram;
  /** Requests without an answer that say nothing of the variant: neither requests nor errors. */
  readonly unserved: Readonly<Unserved>;
}

export interface Meter {
  count(subject: Subject | null, request: { latencyMs: number; ok: boolean }): void;
  unserved(subject: Subject | null, reason: UnservedReason): void;
  /** The tallies since the last call, one a subject; one of `idle` where nothing was asked. */
  take(idle: Subject | null): Tally[];
  /** Since the start of the agent, over all subjects; for the metrics page. */
  total(): Tally;
}

interface Open {
  readonly subject: Subject | null;
  requests: number;
  errors: number;
  latencyMs: Histogram;
  unserved: Unserved;
}

export function createMeter(): Meter {
  let open = new Map<string, Open>();
  const ever = tally(null);
  const openFor = (subject: Subject | null): Open => {
    const key = subject === null ? '' : `${subject.model} ${subject.version} ${subject.variant}`;
    const entry = open.get(key) ?? tally(subject);
    open.set(key, entry);
    return entry;
  };
  return {
    count(subject, { latencyMs, ok }) {
      const entry = openFor(subject);
      entry.requests += 1;
      if (!ok) entry.errors += 1;
      record(entry.latencyMs, latencyMs);
    },
    unserved(subject, reason) {
      const { unserved } = openFor(subject);
      unserved[reason] = (unserved[reason] ?? 0) + 1;
    },
    take(idle) {
      const taken = open.size > 0 ? [...open.values()] : [tally(idle)];
      open = new Map();
      for (const one of taken) addTo(ever, one);
      return taken;
    },
    total() {
      const sum = { ...ever };
      for (const one of open.values()) addTo(sum, one);
      return sum;
    },
  };
}

function addTo(sum: Open, one: Tally): void {
  sum.requests += one.requests;
  sum.errors += one.errors;
  sum.latencyMs = merge(sum.latencyMs, one.latencyMs);
  sum.unserved = addUnserved(sum.unserved, one.unserved);
}

function tally(subject: Subject | null): Open {
  return { subject, requests: 0, errors: 0, latencyMs: emptyHistogram(), unserved: {} };
}
