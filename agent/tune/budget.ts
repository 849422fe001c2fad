/** The time a tuning may take, and how it is shared out. */
import { eta, rungs } from './halving.ts';
import type { Effort } from './trial-protocol.ts';

export interface Budget {
  /** Seconds that are left; waiting for variants counts or not, as it was agreed. */
  leftSeconds(): number;
  spentSeconds(): number;
  /** The longest wait for a variant so far, whether it counted or not. */
  readonly longestWaitSeconds: number;
  /** Runs what waits, without counting it where waiting does not count. */
  wait<T>(work: () => Promise<T>): Promise<T>;
  /** The usual length of a trial, from those that ran. */
  readonly usualTrialSeconds: number;
  readonly lastTrialSeconds: number;
  timeTrial<T>(work: () => Promise<T>): Promise<T>;
}

/** What a trial is thought to take before one has run. */
const firstGuessSeconds = 1.5;

export function startBudget(options: { seconds: number; countWaiting: boolean }): Budget {
  const start = performance.now();
  let waited = 0;
  let longestWaitMs = 0;
  let trials = 0;
  let trialSeconds = 0;
  let lastTrialSeconds = 0;
  const spentSeconds = () => (performance.now() - start - waited) / 1000;
  return {
    spentSeconds,
    leftSeconds: () => options.seconds - spentSeconds(),
    async wait(work) {
      const before = performance.now();
      try {
        return await work();
      } finally {
        const ms = performance.now() - before;
        longestWaitMs = Math.max(longestWaitMs, ms);
        if (!options.countWaiting) waited += ms;
      }
    },
    get longestWaitSeconds() {
      return longestWaitMs / 1000;
    },
    get usualTrialSeconds() {
      return trials === 0 ? firstGuessSeconds : trialSeconds / trials;
    },
    get lastTrialSeconds() {
      return lastTrialSeconds;
    },
    async timeTrial(work) {
      const before = performance.now();
      try {
        return await work();
      } finally {
        trials += 1;
        lastTrialSeconds = (performance.now() - before) / 1000;
        trialSeconds += lastTrialSeconds;
      }
    },
  };
}

/** The share of the budget that looks get, the final round, and the explanation by layers. */
const share = { looks: 0.5, final: 0.25, layers: 0.1 } as const;

/**
 * A look at one of `count` candidates, of which every third is looked at again for three times as
 * long: each rung takes as much time as the one before it.
 */
export function lookEffort(budgetSeconds: number, count: number, rung: number): Effort {
  const first = clamp((budgetSeconds * share.looks) / Math.max(1, rungs * count), 0.15, 0.6);
  const secondsMax = first * eta ** rung;
  return {
    warmUpMs: 60,
    runsMin: 10 * eta ** rung,
    secondsMin: secondsMax / 3,
    spread: 0.04 / eta ** rung,
    secondsMax,
  };
}

/** Whether a variant runs as fast as elsewhere: a few per cent are of no interest. */
export const verifyEffort: Effort = {
  ...{ warmUpMs: 60, runsMin: 10, secondsMin: 0.1, spread: 0.08, secondsMax: 0.4 },
};

/** The final round: enough to tell a few per cent apart. */
export function finalEffort(budgetSeconds: number): Effort {
  const secondsMax = finalSeconds(budgetSeconds);
  return { warmUpMs: 100, runsMin: 50, secondsMin: secondsMax / 4, spread: 0.01, secondsMax };
}

/** The same, within a limit. */
export function atMost(limit: number, effort: Effort): Effort {
  const secondsMax = Math.max(0.05, Math.min(limit, effort.secondsMax));
  return { ...effort, secondsMax, secondsMin: Math.min(effort.secondsMin, secondsMax / 2) };
}

export function finalSeconds(budgetSeconds: number): number {
  return clamp(budgetSeconds * share.final, 0.5, 10);
}

/** For the layers of what was chosen, in the source and in it. */
export function layersSeconds(budgetSeconds: number): number {
  return Math.min(4, budgetSeconds * share.layers);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
