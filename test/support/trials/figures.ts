/** Trials with figures to choose from, and goals. */

import type { ChoiceGoal } from '../../../agent/tune/objective.ts';
import { type Recipe, recipeName, sourceRecipe } from '../../../shared/compress/recipe.ts';
import { digestOfJson } from '../../../shared/digest.ts';
import type { Plan, Quality, Trial } from '../../../shared/protocol/tuning.ts';

export const int8: Recipe = { v: 1, bits: 8 };

export const goal: ChoiceGoal = {
  objective: 'latency',
  maxDrop: 0.01,
  limits: {},
  bytes: 4_000_000,
};

export function plan(threads = 1, instances = 1): Plan {
  return { provider: 'cpu', threads, instances, batch: 1, stages: 1 };
}

export function quality(drop: number, dropUpper = drop + 0.002): Quality {
  return { metric: 'top1', value: 0.95 - drop, samples: 1000, drop, dropUpper };
}

/** A done trial; the source in 10 ms where nothing else is said. */
export function trial(change: Partial<Trial> = {}): Trial {
  const recipe = change.recipe ?? sourceRecipe;
  const latencyMsP50 = change.latencyMsP50 ?? 10;
  return {
    recipe,
    recipeName: recipeName(recipe),
    plan: plan(),
    variant: digestOfJson(recipe),
    bytes: recipe.source ? 4_000_000 : 1_000_000,
    ...{ state: 'done', error: null, quality: recipe.source ? null : quality(0) },
    latencyMsP50,
    latencyMsP95: latencyMsP50 * 1.2,
    throughputPerSecond: 1000 / latencyMsP50,
    ...{ memoryMiB: 120, loadMs: 10, runs: 100, golden: null, temperatureC: null, spread: 0.005 },
    at: '2026-01-01T00:00:00.000Z',
    ...change,
  };
}

/** Numbers from 0 to 1 that are the same for a seed: xorshift32 (Marsaglia, 2003). */
export function seeded(seed: number): () => number {
  let state = seed * 2654435761 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
