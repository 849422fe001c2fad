import test from 'ava';
import {
  leastCost,
  leastLoss,
  type Option,
  paretoFront,
  type Unit,
} from '../../../../shared/compress/allocate/front.ts';
import { createRandom } from '../../../../shared/random.ts';

interface Sum {
  readonly bytes: number;
  readonly ms: number;
  readonly loss: number;
}

test('the front is the one that trying everything gives', (t) => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const units = randomUnits(seed);
    for (const cost of ['bytes', 'ms'] as const) {
      const front = paretoFront(units, { cost });
      const expected = exhaustiveFront(units, cost);
      t.is(front.length, expected.length, `seed ${seed}`);
      for (const [at, allocation] of front.entries()) {
        t.true(near(allocation[cost], expected[at]?.[cost]), `seed ${seed}`);
        t.true(near(allocation.loss, expected[at]?.loss), `seed ${seed}`);
      }
    }
  }
});

test('every unit has one of its options, and the sums are theirs', (t) => {
  const units = randomUnits(7);
  for (const { chosen, bytes, ms, loss } of paretoFront(units, { cost: 'bytes' })) {
    t.deepEqual(
      [...chosen.keys()],
      units.map(({ name }) => name),
    );
    const options = units.map((unit) => chosen.get(unit.name));
    t.true(units.every((unit, at) => unit.options.some((option) => option === options[at])));
    const total = sumOf(options.flatMap((option) => (option ? [option] : [])));
    t.deepEqual({ bytes, ms, loss }, total);
  }
});

test('a budget of bytes, of time or of loss is kept, and used as well as any', (t) => {
  for (let seed = 100; seed < 160; seed += 1) {
    const units = randomUnits(seed);
    const all = everything(units);
    for (const cost of ['bytes', 'ms'] as const) {
      const middle = all[Math.floor(all.length / 2)];
      const budget = middle?.[cost] ?? 0;
      const maxLoss = middle?.loss ?? 0;
      const best = Math.min(...all.filter((sum) => sum[cost] <= budget).map(({ loss }) => loss));
      const least = Math.min(...all.filter(({ loss }) => loss <= maxLoss).map((sum) => sum[cost]));
      t.true(near(leastLoss(units, { cost, budget })?.loss, best), `seed ${seed}`);
      t.true(near(leastCost(units, { cost, maxLoss })?.[cost], least), `seed ${seed}`);
    }
  }
});

test('nothing within the budget is null', (t) => {
  const units = randomUnits(3);
  const least = Math.min(...everything(units).map(({ bytes }) => bytes));
  t.is(leastLoss(units, { cost: 'bytes', budget: least - 1 }), null);
  t.is(leastLoss(units, { cost: 'bytes', budget: least })?.bytes, least);
  t.is(leastCost(units, { cost: 'bytes', maxLoss: Number.NEGATIVE_INFINITY }), null);
});

test('few buckets stay within their bound, and within the budget', (t) => {
  for (let seed = 200; seed < 230; seed += 1) {
    const units = randomUnits(seed);
    const all = everything(units);
    const budget = Math.max(...all.map(({ bytes }) => bytes)) * 0.6;
    const buckets = 16;
    const found = leastLoss(units, { cost: 'bytes', budget, buckets });
    const tighter = budget - (units.length * budget) / (buckets - 1);
    const fits = all.filter(({ bytes }) => bytes <= tighter).map(({ loss }) => loss);
    t.true((found?.bytes ?? 0) <= budget);
    t.true((found?.loss ?? 0) <= Math.min(...fits) + 1e-9, `seed ${seed}`);
  }
});

test('many units give a sorted front of bounded length, the same each time', (t) => {
  const units = randomUnits(5, 200);
  const front = paretoFront(units, { cost: 'ms', buckets: 500 });
  t.true(front.length > 100 && front.length <= 501);
  for (const [at, { ms, loss }] of front.entries()) {
    const before = front[at - 1];
    t.true(before === undefined || (before.ms < ms && before.loss > loss));
  }
  t.deepEqual(front, paretoFront(units, { cost: 'ms', buckets: 500 }));
});

test('no units cost nothing; no options and figures that are none are refused', (t) => {
  t.deepEqual(paretoFront([], { cost: 'bytes' }), [
    { chosen: new Map(), bytes: 0, ms: 0, loss: 0 },
  ]);
  t.throws(() => paretoFront([{ name: 'a', options: [] }], { cost: 'ms' }), { message: /a has/ });
  const options = [{ name: 'x', bytes: 1, ms: Number.NaN, loss: 0 }];
  t.throws(() => paretoFront([{ name: 'a', options }], { cost: 'ms' }), { message: /x of a/ });
});

function randomUnits(seed: number, count = 5): Unit<Option>[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, unit) => ({
    name: `unit ${unit}`,
    options: Array.from({ length: 1 + Math.floor(random() * 4) }, (__, option) => ({
      name: `option ${option}`,
      bytes: Math.floor(random() * 1000),
      ms: random(),
      // Some measure better than the source by chance.
      loss: random() - 0.1,
    })),
  }));
}

function everything(units: readonly Unit<Option>[]): Sum[] {
  return units
    .reduce<Option[][]>(
      (all, { options }) => all.flatMap((chosen) => options.map((option) => [...chosen, option])),
      [[]],
    )
    .map(sumOf);
}

function sumOf(options: readonly Option[]): Sum {
  return options.reduce(
    (sum, { bytes, ms, loss }) => ({
      bytes: sum.bytes + bytes,
      ms: sum.ms + ms,
      loss: sum.loss + loss,
    }),
    { bytes: 0, ms: 0, loss: 0 },
  );
}

function exhaustiveFront(units: readonly Unit<Option>[], cost: 'bytes' | 'ms'): Sum[] {
  const all = everything(units);
  const beats = (a: Sum, b: Sum) =>
    a[cost] <= b[cost] && a.loss <= b.loss && (a[cost] < b[cost] || a.loss < b.loss);
  return all
    .filter((sum) => !all.some((other) => beats(other, sum)))
    .toSorted((a, b) => a[cost] - b[cost]);
}

function near(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && Math.abs(a - b) < 1e-9;
}
