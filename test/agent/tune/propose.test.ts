import test from 'ava';
import { layerMicroseconds } from '../../../agent/tune/node-profile.ts';
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

const event = (name: string, op: string, more: { dur: number; ts: number; index: number }) => ({
  ...{ cat: 'Node', pid: 1, tid: 1, ph: 'X', name: `${name}_kernel_time` },
  ...{ dur: more.dur, ts: more.ts },
  args: { op_name: op, node_index: `${more.index}`, provider: 'CPUExecutionProvider' },
});

test('what lies between two layers belongs to the first of them', (t) => {
  const run = (ts: number, slower = 0) => [
    event('q', 'QuantizeLinear', { dur: 5, ts, index: 0 }),
    event('conv1', 'QLinearConv', { dur: 50 + slower, ts: ts + 10, index: 1 }),
    event('pool', 'MaxPool', { dur: 7, ts: ts + 80, index: 2 }),
    event('conv2', 'FusedConv', { dur: 30, ts: ts + 90, index: 3 }),
    event('fc', 'Gemm', { dur: 3, ts: ts + 130, index: 4 }),
  ];
  const session = { cat: 'Session', name: 'model_run', dur: 1, ts: 0, args: {} };
  const trace = [session, ...run(100), ...run(1000, 500), ...run(2000)];
  t.deepEqual(layerMicroseconds(trace, 3), [62, 30, 3]);
});

test('another number of layers, or no trace at all, says nothing', (t) => {
  t.is(layerMicroseconds([event('c', 'Conv', { dur: 1, ts: 1, index: 0 })], 2), null);
  t.is(layerMicroseconds('not a trace', 1), null);
});
