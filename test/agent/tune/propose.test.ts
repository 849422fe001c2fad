import test from 'ava';
import { proposeCut } from '../../../agent/tune/propose.ts';
import { int8 } from '../../support/trials/figures.ts';

const layers = ['stem', 'dw', 'pw', 'dw2', 'pw2', 'head'].map((name) => ({ name, bits: 8 }));

test('the first layers stay in float where that is faster on the whole', (t) => {
  const proposal = proposeCut(int8, {
    layers,
    floatUs: [200, 100, 160, 20, 70, 60],
    integerUs: [290, 210, 40, 14, 20, 16],
  });
  t.deepEqual(proposal?.recipe, { v: 1, bits: 8, layers: { stem: 32, dw: 32 } });
  t.is(proposal?.predicted.toFixed(3), '0.661');
  t.regex(proposal?.reason ?? '', /the first 2 layers take 200 µs less in float here/);
});

test('a slow layer behind fast ones is worth it only if the sum is', (t) => {
  const floatUs = [100, 100, 60, 60, 60, 60];
  const one = proposeCut(int8, { layers, floatUs, integerUs: [90, 130, 20, 20, 20, 20] });
  t.deepEqual(Object.keys(one?.recipe.layers ?? {}), ['stem', 'dw']);
  const none = proposeCut(int8, { layers, floatUs, integerUs: [40, 130, 20, 20, 20, 20] });
  t.is(none, null);
});

test('a layer that is in float already has nothing to gain', (t) => {
  const floatStem = layers.map((layer, at) => (at === 0 ? { ...layer, bits: 32 } : layer));
  const floatUs = [100, 50, 50, 50, 50, 50];
  const integerUs = [150, 20, 20, 20, 20, 20];
  t.is(proposeCut(int8, { layers: floatStem, floatUs, integerUs }), null);
});

test('a promise of less than two per cent is none', (t) => {
  const floatUs = [100, 400, 400, 400, 400, 400];
  const integerUs = [110, 200, 200, 200, 200, 200];
  t.is(proposeCut(int8, { layers, floatUs, integerUs }), null);
});
