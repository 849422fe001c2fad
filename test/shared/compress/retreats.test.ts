import test from 'ava';
import { paretoFront } from '../../../shared/compress/allocate/front.ts';
import type { BitsOption } from '../../../shared/compress/allocate/widths.ts';
import { isLossless, prunes, type Recipe } from '../../../shared/compress/recipe.ts';
import { backToFloat, lessPruned, moreBits } from '../../../shared/compress/retreats.ts';

test('layers go back to float one after the other, at last all', (t) => {
  const recipe: Recipe = { v: 1, bits: 8, layers: { c: 8 }, target: 'x64' };
  const retreats = backToFloat(recipe, ['b', 'a']);
  t.deepEqual(retreats[0]?.recipe, { ...recipe, layers: { b: 32, c: 8 } });
  t.regex(retreats[0]?.said ?? '', /1 layers went back to float, the worst first \(b\)/);
  t.deepEqual(retreats[1]?.recipe, { v: 1, bits: 32, target: 'x64' });
  t.is(retreats.length, 2);
});

test('pruning is taken back in steps, at last wholly', (t) => {
  const recipe: Recipe = { v: 1, bits: 8, keep: 0.8, blocks: 4 };
  const retreats = lessPruned(recipe).map((retreat) => retreat.recipe);
  t.deepEqual(
    retreats.map(({ keep, blocks }) => [keep, blocks]),
    [
      [0.85, 3],
      [0.9, 2],
      [0.95, 1],
      [undefined, undefined],
    ],
  );
  t.true(retreats.every(({ bits }) => bits === 8));
  const last = retreats.at(-1);
  t.false(last === undefined || prunes(last));
  t.deepEqual(lessPruned({ v: 1, bits: 8 }), []);
});

test('narrow layers get more bits along the front, at last none is narrow', (t) => {
  const option = (bits: 2 | 4 | 8, loss: number): BitsOption => ({
    ...{ name: `${bits}`, bits, bytes: bits * 100, ms: 0, loss },
  });
  const units = ['a', 'b', 'c'].map((name, at) => ({
    name,
    options: [option(2, 1 + at), option(4, 0.1), option(8, 0)],
  }));
  const recipe: Recipe = { v: 1, bits: 2 };
  const front = paretoFront(units, { cost: 'bytes' });
  const retreats = moreBits(recipe, front);
  t.deepEqual(retreats[0]?.recipe.layers, { a: 2, b: 2, c: 4 });
  t.is(retreats[0]?.said, 'layers got more bits (c 4)');
  t.deepEqual(retreats.at(-2)?.recipe.layers, { a: 8, b: 8, c: 8 });
  const last = retreats.at(-1);
  t.true(last !== undefined && isLossless(last.recipe));
});
