/** The plans that can pay on a device, in a good order. Pure. */
import type { ModelGoal } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';
import { usableCores } from '../profile/hardware-class.ts';
import { isBatchable } from '../serve/gather.ts';

/** Plans of one recipe at most: on a server with many cores the middle of the range says enough. */
const plansMax = 12;

/**
 * All usable cores first, then one, then half of them; where cores differ, the fastest kind before
 * these. More threads than cores is not tried: it was twice as slow wherever it was measured.
 */
export function plansOf(goal: ModelGoal, profile: Profile): Plan[] {
  const { processor } = profile;
  const usable = Math.max(1, Math.floor(usableCores(processor)));
  const physical = Math.min(usable, processor.physicalCores ?? usable);
  const threads = unique([physical, 1, Math.ceil(physical / 2), usable]);
  const plans = [
    ...fastCorePlans(processor, usable),
    ...threads.map((count) => plan({ threads: count })),
  ];
  const providers = profile.providers.filter((provider) => provider !== 'cpu');
  plans.push(...providers.map((provider) => plan({ provider })));
  if (goal.objective === 'throughput') plans.push(...parallelPlans(goal, usable));
  if (goal.objective === 'memory' || goal.limits.memoryMiB !== undefined) {
    plans.push(...thriftyPlans(physical));
  }
  return plans.slice(0, plansMax);
}

/**
 * Threads of one run wait for the slowest of them: where cores differ, as many as there are fast
 * ones, bound to these.
 */
function fastCorePlans({ clusters = [] }: Profile['processor'], usable: number): Plan[] {
  const [fastest, ...slower] = clusters;
  if (fastest?.cpus === undefined || slower.length === 0) return [];
  return [plan({ threads: Math.min(usable, fastest.cpus.length), cpus: [...fastest.cpus] })];
}

/** Rows of a batch: more gain little and make the first of them wait. */
const batchRows = 8;
const stagesMax = 4;

/**
 * Several runs at the same time: sessions side by side (data parallel), stages one behind the other
 * (model parallel), and rows that go together. Each loses somewhere: to copies of the weights, to
 * what is handed over, to waiting.
 */
function parallelPlans(goal: ModelGoal, usable: number): Plan[] {
  const plans: Plan[] = [];
  for (const instances of unique([usable, Math.ceil(usable / 2), 2])) {
    const each = Math.floor(usable / instances);
    if (instances > 1 && each >= 1) plans.push(plan({ threads: each, instances }));
  }
  for (const stages of unique([2, Math.min(usable, stagesMax)])) {
    if (stages > 1 && stages <= usable) plans.push(plan({ stages }));
  }
  if (isBatchable(goal)) {
    plans.push(plan({ threads: usable, batch: batchRows }));
    if (usable > 1) plans.push(plan({ instances: usable, batch: batchRows }));
  }
  return plans;
}

/** Slower, and less memory: without the arena, and without copies in the kernels' order. */
function thriftyPlans(threads: number): Plan[] {
  return unique([threads, 1]).flatMap((count) => [
    plan({ threads: count, arena: false }),
    plan({ threads: count, arena: false, prepack: false }),
  ]);
}

function plan(change: Partial<Plan>): Plan {
  return { provider: 'cpu', threads: 1, instances: 1, batch: 1, stages: 1, ...change };
}

function unique(values: readonly number[]): number[] {
  return [...new Set(values)];
}
