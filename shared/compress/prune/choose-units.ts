/** Chooses which units go: judged on the calibration set, all groups weighed against each other. */
import { emptyTable } from '../../own.ts';
import type { Recipe } from '../recipe.ts';
import type { PruneRecord } from '../record.ts';
import type { Rounding } from '../targets.ts';
import type { Dependencies } from './groups.ts';
import { mixingLayers } from './layers.ts';
import { readersOf } from './moments.ts';
import type { PruneRun } from './run.ts';
import { type Judged, mostRemoved, offeredGroups, removedCounts } from './select.ts';
import { removalOrder } from './surgeon.ts';

export interface ChosenUnits {
  /** As the dependencies number them. */
  readonly units: ReadonlySet<number>;
  /** The same by group and place. */
  readonly removed: PruneRecord['removed'];
}

export async function chooseUnits(
  dependencies: Dependencies,
  keep: Recipe['keep'],
  { run, rounding }: { run: PruneRun; rounding: Rounding },
): Promise<ChosenUnits> {
  const judged = await judgedGroups(dependencies, keep, { run, rounding });
  const counts = removedCounts(judged, typeof keep === 'number' ? keep : null, rounding);
  const units = new Set<number>();
  const removed = emptyTable<number[]>();
  for (const [at, { group, order }] of judged.entries()) {
    const gone = order.units.slice(0, counts[at]);
    if (gone.length === 0) continue;
    for (const unit of gone) units.add(unit);
    removed[group.name] = gone.map((unit) => group.units.indexOf(unit)).sort((a, b) => a - b);
  }
  return { units, removed };
}

async function judgedGroups(
  dependencies: Dependencies,
  keep: Recipe['keep'],
  { run, rounding }: { run: PruneRun; rounding: Rounding },
): Promise<Judged[]> {
  const { model } = dependencies.tracker;
  const layers = mixingLayers(model, dependencies);
  const readersByUnit = (units: readonly number[]) =>
    layers.filter(({ inputs }) => inputs.some((unit) => units.includes(unit)));
  // A group that no layer reads in a way that can be judged is left as it is.
  const offered = offeredGroups(dependencies.groups, keep).filter(
    ({ group }) => readersByUnit(group.units).length > 0,
  );
  if (offered.length === 0) return [];
  const needed = new Set(offered.flatMap(({ group }) => readersByUnit(group.units)));
  const readers = await readersOf(model, [...needed], run);
  return offered.map((one) => {
    const { group } = one;
    const free = group.free.flatMap((at) => group.units[at] ?? []);
    const own = readersByUnit(group.units).flatMap(({ node }) => readers.get(node.name) ?? []);
    return { ...one, order: removalOrder(free, own, mostRemoved(group, rounding)) };
  });
}
