import test from 'ava';
import { pairedProportions } from '../../../shared/evaluate/paired.ts';
import { judgeQuality, sayDrop } from '../../../shared/evaluate/quality-budget.ts';

/** `lost` answers wrong that the source had right, `gained` the other way round. */
function top1(samples: number, lost: number, gained: number) {
  const source = Array.from({ length: samples }, (_, i) => (i < gained ? 0 : 1));
  const variant = Array.from({ length: samples }, (_, i) =>
    i >= gained && i < gained + lost ? 0 : 1,
  );
  const value = 1 - lost / samples;
  return { metric: 'top1', value, samples, ...pairedProportions(source, variant) };
}

const cases: [string, ReturnType<typeof top1>, number, { within: boolean; proven: boolean }][] = [
  ['nothing differs, many samples', top1(2500, 0, 0), 0.01, { within: true, proven: true }],
  ['as much gained as lost, few samples', top1(400, 4, 4), 0.01, { within: true, proven: false }],
  ['half the budget lost, few samples', top1(400, 2, 0), 0.01, { within: true, proven: false }],
  ['all but the budget lost, few samples', top1(400, 7, 3), 0.01, { within: false, proven: false }],
  ['most of the budget, many samples', top1(50_000, 400, 0), 0.01, { within: true, proven: true }],
  ['more than the budget', top1(2500, 40, 5), 0.01, { within: false, proven: false }],
  ['no budget, nothing lost', top1(400, 0, 0), 0, { within: true, proven: false }],
  ['no budget, one lost', top1(400, 1, 0), 0, { within: false, proven: false }],
];
for (const [what, quality, maxDrop, verdict] of cases) {
  test(`${what}: ${verdict.within ? 'within' : 'refused'}`, (t) => {
    const { within, proven } = judgeQuality(quality, maxDrop);
    t.deepEqual({ within, proven }, verdict);
  });
}

test('the reason tells the figures in points, or in the unit of the metric', (t) => {
  t.regex(judgeQuality(top1(400, 2, 0), 0.01).reason, /^0\.5 points of top1 lost, 1 point of/);
  t.is(sayDrop({ metric: 'sqnr' }, 0.0312), '0.03 sqnr');
});
