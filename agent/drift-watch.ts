/** Watches how long runs take while a variant serves; asks for a new tuning where that drifts. */

import { canonicalJson } from '../shared/canonical-json.ts';
import { emptyHistogram, quantile } from '../shared/histogram.ts';
import type { Tuning } from '../shared/protocol/tuning.ts';
import type { Journal } from './journal.ts';
import { driftsOf } from './plan.ts';
import type { Server } from './serve/server.ts';
import { judgeDrift, minutesKept, type ServingMinute, type Tuned } from './tune/drift.ts';
import { type Watch, watchMachine } from './tune/watch.ts';

export interface DriftOptions {
  readonly journal: Journal;
  readonly server: Pick<Server, 'active'>;
  /** How often it looks; a minute where nothing is said. */
  readonly everyMs?: number;
  /** The journal asks for a tuning now. */
  readonly onDrift: (reason: string) => void;
  readonly onFault: (thrown: unknown) => void;
}

const minuteMs = 60_000;

/** Returns what ends it. */
export function startDriftWatch(options: DriftOptions): () => void {
  let minutes: ServingMinute[] = [];
  let watched: string | null = null;
  let watch: Watch | null = null;
  let ended = false;

  async function minute(): Promise<void> {
    const { serving = null, key = null, pool } = options.server.active() ?? {};
    const seen = await watch?.end();
    const taken = pool?.takeRuns() ?? emptyHistogram();
    watch = await watchMachine();
    // The journal may be closed by now.
    if (ended) return;
    const tuned = tunedOf(options.journal.get('tuning')?.tuning ?? null, serving?.variant ?? null);
    if (key !== watched || tuned === null || seen === undefined) {
      watched = key;
      minutes = [];
      return;
    }
    const { cores, otherCores, temperatureC } = seen;
    const latencyMsP50 = quantile(taken, 0.5);
    const latest = { runs: taken.count, latencyMsP50, cores, otherCores, temperatureC };
    minutes = [...minutes, latest].slice(-minutesKept);
    const verdict = judgeDrift(tuned, minutes);
    if (!verdict.retune) return;
    minutes = [];
    const desired = options.journal.get('desired');
    if (!desired?.model) return;
    const times = driftsOf(options.journal.get('drift'), desired) + 1;
    const drift = { model: desired.model.digest, times, reason: verdict.reason };
    options.journal.change({ drift });
    options.onDrift(verdict.reason);
  }

  const timer = setInterval(
    () => void minute().catch(options.onFault),
    options.everyMs ?? minuteMs,
  );
  timer.unref();
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

/**
 * What serves, as it was measured. null where it was measured otherwise than it serves one run:
 * several at a time wait for each other.
 */
function tunedOf(tuning: Tuning | null, variant: string | null): Tuned | null {
  const chosen = tuning?.chosen;
  if (!tuning || !chosen || chosen.variant !== variant || tuning.objective === 'throughput') {
    return null;
  }
  const { plan, latencyMsP50 } = chosen;
  const trial = tuning.trials.find(
    (one) => one.variant === variant && canonicalJson(one.plan) === canonicalJson(plan),
  );
  const { spread = 0, temperatureC = null } = trial ?? {};
  return { latencyMsP50, spread, temperatureC, plan };
}
