import test from 'ava';
import { choosePruned } from '../../../../shared/compress/prune/faster.ts';

const recipe = { v: 1, bits: 8, keep: 0.75, blocks: 2 } as const;

test('what is slower with fewer channels keeps them all, and says so', (t) => {
  const faster = choosePruned(recipe, { wholeMs: 1.2, prunedMs: 1 });
  t.deepEqual(faster.recipe, recipe);
  t.regex(faster.notes[0] ?? '', /^Pruned: 1\.20 times/);
  const alike = choosePruned(recipe, { wholeMs: 1.01, prunedMs: 1 });
  t.deepEqual(alike.recipe, { v: 1, bits: 8 }, 'timings of one model differ by as much');
  const slower = choosePruned(recipe, { wholeMs: 0.95, prunedMs: 1 });
  t.deepEqual(slower.recipe, { v: 1, bits: 8 });
  t.regex(slower.notes[0] ?? '', /^Not pruned: it would have 0\.95 times/);
});
