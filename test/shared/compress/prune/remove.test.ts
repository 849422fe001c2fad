import test from 'ava';
import { copyModel } from '../../../../shared/compress/canonical/copy.ts';
import { provenCanonical } from '../../../../shared/compress/prove.ts';
import { type Dependencies, dependenciesOf } from '../../../../shared/compress/prune/groups.ts';
import { removeUnits } from '../../../../shared/compress/prune/remove.ts';
import { loadSource } from '../../../../shared/compress/source.ts';
import type { Model } from '../../../../shared/onnx/graph.ts';
import { inferShapes } from '../../../../shared/onnx/shapes.ts';
import { createRandom } from '../../../../shared/random.ts';
import { worstDifference } from '../../../support/agree.ts';
import { testEachSharedModel } from '../../../support/models.ts';
import { randomNetwork } from '../../../support/random-graphs.ts';
import { zeroUnits } from '../../../support/zero-units.ts';

const networks = 150;

const recipe = { v: 1, bits: 32 } as const;

test('a network without units equals the whole network with the units zeroed', async (t) => {
  let removed = 0;
  for (let seed = 1; seed <= networks; seed += 1) {
    const dependencies = dependenciesOf(copyModel(randomNetwork(seed)));
    const units = someUnits(dependencies, seed);
    removed += units.size;
    await requireSame(dependencies, units).then(
      (difference) => t.true(difference < 1e-4, `seed ${seed}: ${difference}`),
      (thrown) => t.fail(`seed ${seed}: ${thrown}`),
    );
  }
  t.true(removed > 5 * networks, `only ${removed} units were removed`);
});

testEachSharedModel('real model', async (t, { path }) => {
  const { signal } = new AbortController();
  const request = { modelPath: path, manifest: null, calibrationPath: null, recipe, signal };
  const { model } = (await provenCanonical(await loadSource(path), request)).canonical;
  const dependencies = dependenciesOf(model);
  const units = someUnits(dependencies, 7);
  t.log(`${units.size} units of ${dependencies.groups.length} groups`);
  t.true((await requireSame(dependencies, units)) < 1e-3);
});

/** A random part of each group, at least one unit kept. */
function someUnits({ groups }: Dependencies, seed: number): Set<number> {
  const random = createRandom(seed);
  const units = new Set<number>();
  for (const { units: all, free } of groups) {
    // The first of those that can go stays where none must: no value may lose all channels.
    const share = 0.6 * random();
    for (const at of free.slice(1)) if (random() < share) units.add(all[at] ?? 0);
  }
  return units;
}

async function requireSame(
  dependencies: Dependencies,
  units: ReadonlySet<number>,
): Promise<number> {
  let pruned: Model;
  try {
    pruned = removeUnits(dependencies, units);
  } catch (thrown) {
    if (String(thrown).includes('would have no channels')) return 0;
    throw thrown;
  }
  const [before, after] = [inferShapes(dependencies.tracker.model), inferShapes(pruned)];
  for (const { name } of pruned.graph.outputs) {
    const [a, b] = [before.get(name)?.dims, after.get(name)?.dims];
    if (String(a) !== String(b)) throw new TypeError(`${name}: ${a} became ${b}`);
  }
  return worstDifference(zeroUnits(dependencies, units), pruned);
}
