import test from 'ava';
import {
  bitsLabel,
  lossLabel,
  metricValue,
  planLabel,
  shortDigest,
} from '../../../../controller/dashboard/format/model.ts';

const plan = { provider: 'cpu', threads: 1, instances: 1, batch: 1, stages: 1 };
const quality = { metric: 'top1', value: 0.98, samples: 100, drop: 0, dropUpper: 0 };

test('bits name every width a variant has, widest first', (t) => {
  t.is(bitsLabel({ v: 1, bits: 8 }), '8\u202fbit');
  t.is(bitsLabel({ v: 1, bits: 8, layers: { a: 32, b: 4, c: 8 } }), '32/8/4\u202fbit');
});

test('a plan says only what differs from one session', (t) => {
  t.is(planLabel(plan), '1 thread');
  t.is(planLabel({ ...plan, threads: 4, batch: 8, stages: 2 }), '4 threads · batch 8 · 2 stages');
  t.is(planLabel({ ...plan, instances: 2 }), '2 × 1 thread');
});

test('a metric has its own unit', (t) => {
  t.is(metricValue('top1', 0.98611), '98.61\u202f%');
  t.is(metricValue('sqnr', 31.25), '31.3\u202fdB');
  t.is(metricValue('mse', 0.00012), '1.20e-4');
  t.is(metricValue('mse', 0), '0.00');
});

test('a loss is in points, and a gain is below zero', (t) => {
  t.is(lossLabel({ ...quality, drop: 0.0022 }), '0.22 points');
  t.is(lossLabel({ ...quality, drop: -0.0005 }), '−0.05 points');
  t.is(lossLabel({ ...quality, drop: 0.00001 }), 'nothing');
  t.is(lossLabel({ ...quality, metric: 'sqnr', drop: 1.5 }), '1.50\u202fdB');
});

test('a digest is named by its first digits', (t) => {
  t.is(shortDigest(`sha256:${'ab'.repeat(32)}`), 'abababababab');
});
