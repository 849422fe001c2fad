/** Chooses how many units each group keeps, all groups weighed against each other. Pure. */
import { own as entryOf } from '../../own.ts';
import type { Recipe } from '../recipe.ts';
import type { Rounding } from '../targets.ts';
import type { Group } from './groups.ts';
import type { Order } from './surgeon.ts';

export interface Offered {
  readonly group: Group;
  /** The share to be kept of this group by itself; null where all groups share one ratio. */
  readonly keep: number | null;
}

/**
 * Groups that the recipe lets lose units. Where it names none, those that several layers are
 * summed over are left out: each of the layers, and all that follows, pays for every unit.
 */
export function offeredGroups(groups: readonly Group[], keep: Recipe['keep']): Offered[] {
  if (keep === undefined || keep === 1) return [];
  return groups.flatMap((group): Offered[] => {
    if (group.free.length < 2) return [];
    if (typeof keep === 'number') return group.summed ? [] : [{ group, keep: null }];
    const own = entryOf(keep, group.name);
    return own === undefined || own >= 1 ? [] : [{ group, keep: own }];
  });
}

/** At most so many units may go: a tenth stays, and what the kernels take at once. */
export function mostRemoved({ units, free }: Group, rounding: Rounding): number {
  const step = stepOf(units.length, rounding);
  const least = Math.min(units.length, Math.max(step, Math.ceil(units.length / 10)));
  return Math.min(free.length - 1, units.length - least);
}

function stepOf(count: number, { channels, fewChannels, few }: Rounding): number {
  return count <= few ? fewChannels : channels;
}

export interface Judged extends Offered {
  readonly order: Order;
}

/** How many units each group loses, in the order of `judged`. */
export function removedCounts(
  judged: readonly Judged[],
  ratio: number | null,
  rounding: Rounding,
): number[] {
  const counts = judged.map(({ group, keep, order }) =>
    keep === null ? 0 : nearestCount(group, keep, { rounding, most: order.units.length }),
  );
  const shared = judged.flatMap(({ keep, group }) => (keep === null ? group.units.length : 0));
  const total = shared.reduce((sum, count) => sum + count, 0);
  let budget = Math.round(total * (1 - (ratio ?? 1)));
  for (;;) {
    // Of what fits nothing is left when less than half a step too many is the nearer count.
    const next =
      cheapestStep(judged, counts, { sizeMax: budget, rounding }) ??
      cheapestStep(judged, counts, { sizeMax: 2 * budget - 1, rounding });
    if (!next) return counts;
    counts[next.at] = (counts[next.at] ?? 0) + next.size;
    budget -= next.size;
  }
}

/** The count removed whose rest is a multiple of the group's step and nearest to the ratio. */
function nearestCount(
  { units }: Group,
  keep: number,
  { rounding, most }: { rounding: Rounding; most: number },
): number {
  const step = stepOf(units.length, rounding);
  const kept = Math.max(step, Math.round((units.length * keep) / step) * step);
  return Math.min(most, Math.max(0, units.length - kept));
}

/** The removal to a group's next lower count that costs least a unit, of so many at most. */
function cheapestStep(
  judged: readonly Judged[],
  counts: readonly number[],
  { sizeMax, rounding }: { sizeMax: number; rounding: Rounding },
): { at: number; size: number } | null {
  let least = Infinity;
  let next: { at: number; size: number } | null = null;
  for (const [at, { group, keep, order }] of judged.entries()) {
    const gone = counts[at] ?? 0;
    const step = stepOf(group.units.length, rounding);
    const size = (group.units.length - gone) % step || step;
    if (keep !== null || size > sizeMax || gone + size > order.units.length) continue;
    const costs = order.costs.slice(gone, gone + size);
    const cost = costs.reduce((sum, each) => sum + each, 0) / size;
    if (cost < least) {
      least = cost;
      next = { at, size };
    }
  }
  return next;
}
