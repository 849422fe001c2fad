import test from 'ava';
import { slowestFirst, summaryOf } from '../../../../controller/dashboard/device/layer-times.ts';

const layers = [
  { name: 'stem', bits: 32, beforeUs: 40, afterUs: 41 },
  { name: 'conv1', bits: 8, beforeUs: 900, afterUs: 250 },
  { name: 'fused', bits: 8, beforeUs: null, afterUs: null },
];

test('the slowest layer comes first, whose time is not known last', (t) => {
  t.deepEqual(
    slowestFirst(layers).map(({ name }) => name),
    ['conv1', 'stem', 'fused'],
  );
});

test('totals are of the layers whose times are known on both sides', (t) => {
  t.is(summaryOf(layers), '3 layers, 940\u202fµs in the source, 291\u202fµs as chosen');
  t.is(summaryOf(layers.slice(2)), '1 layer; their times were not measured here');
});
