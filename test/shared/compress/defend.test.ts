import test from 'ava';
import { defend } from '../../../shared/compress/defend.ts';
import type { Recipe } from '../../../shared/compress/recipe.ts';
import { backToFloat } from '../../../shared/compress/retreats.ts';
import type { Quality } from '../../../shared/protocol/tuning.ts';

const order = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/** A network that loses 0.04 for a, 0.02 for b, 0.01 for c and nothing for the others. */
function scene(maxDrop: number, floor = 0) {
  const losses: Record<string, number> = { a: 0.04, b: 0.02, c: 0.01 };
  const tried: string[][] = [];
  const recipe: Recipe = { v: 1, bits: 8, layers: { h: 8 } };
  return {
    tried,
    job: {
      recipe,
      maxDrop,
      async build(recipe: Recipe) {
        return order.filter((name) => (recipe.layers?.[name] ?? recipe.bits) !== 32);
      },
      async evaluate(integer: string[]): Promise<Quality> {
        tried.push(integer);
        const drop = integer.reduce((sum, name) => sum + (losses[name] ?? 0), floor);
        return { metric: 'top1', value: 1 - drop, samples: 1000, drop, dropUpper: drop + 0.001 };
      },
      retreats: async () => backToFloat(recipe, order),
    },
  };
}

test('a variant within the budget is left alone', async (t) => {
  const { job, tried } = scene(0.08);
  const { held, built } = await defend(job);
  t.true(held);
  t.is(built.length, 8);
  t.is(tried.length, 1);
});

test('the fewest of the worst layers go back to float', async (t) => {
  const { job, tried } = scene(0.015);
  const { held, built, recipe, quality, reason } = await defend(job);
  t.true(held);
  t.deepEqual(built, order.slice(2));
  t.deepEqual(recipe.layers, { a: 32, b: 32, h: 8 });
  t.true(quality.dropUpper <= 0.015);
  t.regex(reason, /2 layers went back to float, the worst first \(a, b\)/);
  t.true(tried.length <= 6);
});

test('the bound counts, not the point', async (t) => {
  // Without a and b the drop is 0.01 exactly, and its upper bound above that.
  const { built } = await defend(scene(0.01).job);
  t.deepEqual(built, order.slice(3));
});

test('a budget that not even float holds is said to be broken', async (t) => {
  const { held, built, reason } = await defend(scene(0.01, 0.05).job);
  t.false(held);
  t.deepEqual(built, []);
  t.regex(reason, /does not hold even in float/);
});
