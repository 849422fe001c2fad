import test from 'ava';
import type { Allocation } from '../../../../shared/compress/allocate/front.ts';
import {
  type Change,
  promising,
  recipeOf,
  spread,
} from '../../../../shared/compress/joint/changes.ts';
import {
  type Candidate,
  chooseJoint,
  jointFront,
} from '../../../../shared/compress/joint/choose.ts';

const file = new Uint8Array();
const one = (
  kind: Candidate['kind'],
  [speedup, noise, bytes]: readonly [number, number, number],
): Candidate => ({ recipe: { v: 1, bits: 8 }, file, kind, speedup, noise, bytes });

const float = one('float', [1, 0, 100]);
const quantized = one('quantize only', [1.4, 0.001, 30]);
const pruned = one('prune only', [1.3, 0.02, 60]);
const joint = one('joint', [1.8, 0.01, 25]);
const wild = one('joint', [2.5, 0.5, 10]);
const all = [float, quantized, pruned, joint, wild];

test('of those that are fast enough the one that loses least is taken', (t) => {
  t.is(chooseJoint(all, 1.2)?.chosen, quantized);
  t.is(chooseJoint(all, 1.5)?.chosen, joint);
  t.is(chooseJoint(all, 1)?.chosen, float);
  t.deepEqual(chooseJoint(all, 1.5)?.milder, [quantized, float], 'the worst first');
  t.regex(chooseJoint(all, 1.5)?.reason ?? '', /^1\.5 times .* asked for: .* 1\.80 times.*; next/);
});

test('where nothing is fast enough the fastest is taken, and that is said', (t) => {
  const found = chooseJoint(all, 9);
  t.is(found?.chosen, wild);
  t.regex(found?.reason ?? '', /nothing tried reaches it/);
  t.is(chooseJoint([], 1), null);
});

test('on the front is what no other beats in speed, bytes and noise at once', (t) => {
  t.deepEqual(jointFront(all), [wild, joint, quantized, float]);
});

test('with more to choose from the choice is never worse', (t) => {
  for (const target of [1, 1.2, 1.35, 1.5]) {
    const noiseOf = (some: readonly Candidate[]) =>
      some.some(({ speedup }) => speedup >= target) ? chooseJoint(some, target)?.chosen.noise : 1;
    for (const kind of ['prune only', 'quantize only']) {
      const only = all.filter((candidate) => ['float', kind].includes(candidate.kind));
      t.true((noiseOf(all) ?? 1) <= (noiseOf(only) ?? 1), `${kind} at ${target}`);
    }
  }
});

test('a recipe holds the changes that were put together', (t) => {
  const figures = { name: '', bytes: 0, ms: 0, loss: 0 };
  const chosen = new Map<string, Change>([
    ['a', { ...figures, keep: { group: 'g', share: 0.5 } }],
    ['b', { ...figures, block: 'add' }],
    ['c', figures],
    ['d', { ...figures, float: 'stem' }],
  ]);
  t.deepEqual(recipeOf(8, { chosen }), {
    ...{ v: 1, bits: 8, keep: { g: 0.5 }, blocks: ['add'], layers: { stem: 32 } },
  });
  t.deepEqual(recipeOf(32, { chosen: new Map([['c', figures]]) }), { v: 1, bits: 32 });
});

test('what loses all is not built, what loses least comes first', (t) => {
  const front = [12, 0.15, 0.02, 0].map((loss) => ({ loss }));
  t.deepEqual(
    promising(front).map(({ loss }) => loss),
    [0, 0.02, 0.15],
  );
  t.deepEqual(promising([{ loss: 3 }, { loss: 0.5 }]), [{ loss: 0.5 }]);
  t.deepEqual(promising([]), []);
});

test('proposals are spread over a front and none comes twice', (t) => {
  const front = [0, 1, 2, 10, 20].map((ms) => ({ ms }));
  t.deepEqual(
    spread(front, 3).map(({ ms }: Pick<Allocation<Change>, 'ms'>) => ms),
    [0, 10, 20],
  );
  t.is(spread(front.slice(0, 1), 4).length, 1);
  t.deepEqual(spread([], 4), []);
});
