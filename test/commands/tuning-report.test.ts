import test from 'ava';
import { describeTuning } from '../../commands/tuning-report.ts';
import type { Tuning } from '../../shared/protocol/tuning.ts';
import { int8, plan, trial } from '../support/trials/figures.ts';

const source = trial();
const fitted = trial({ recipe: int8, latencyMsP50: 3, plan: plan(2) });
const broken = trial({ recipe: { v: 1, bits: 4 }, state: 'failed' });
const { variant, recipe, recipeName, bytes, quality, latencyMsP50, latencyMsP95 } = fitted;
const { throughputPerSecond, memoryMiB } = fitted;

const tuning: Tuning = {
  ...{ v: 1, device: 'pi', revision: 1, model: 'digits', version: 1, hardwareClass: 'class' },
  ...{ runtimeVersion: '1', objective: 'latency', baseline: source, seconds: 9 },
  trials: [source, fitted, broken],
  front: [1],
  chosen: {
    ...{ recipe, recipeName, plan: plan(2), variant: variant ?? 'sha256:', bytes, quality },
    ...{ latencyMsP50, latencyMsP95, throughputPerSecond, memoryMiB, reason: 'it is quick' },
  },
  layers: [
    { name: 'stem', bits: 32, beforeUs: 120.4, afterUs: 118 },
    { name: 'head', bits: 8, beforeUs: null, afterUs: 40 },
    ...Array.from({ length: 30 }, (_, at) => ({
      ...{ name: `conv${at}`, bits: 8, beforeUs: 10, afterUs: 5 },
    })),
  ],
  reason: 'int8, 2 threads: p50 3 ms, 3.33 times as fast. Next is source.',
  notes: ['int4 was left out'],
  at: source.at,
};

test('a tuning in text: the trials, the picture, the layers, and why', (t) => {
  const text = describeTuning(tuning, 4_000_000).join('\n');
  t.regex(text, /^ +variant +plan +p50 ms/);
  t.regex(text, /a +source +1 thread +10\.00/);
  t.regex(text, /\* +int8 +2 threads +3\.00 .* 25 %/);
  t.regex(text, /int4 weights, 1 thread: failed/);
  t.regex(text, /│.*\*/);
  t.regex(text, /stem +float +120 +118/);
  t.regex(text, /head +8 +– +40/);
  t.regex(text, /and 12 quicker layers/);
  t.regex(text, /int4 was left out\nint8, 2 threads: p50 3 ms/);
});

test('channels have a column where some were taken out', (t) => {
  const [stem, head] = tuning.layers ?? [];
  if (!stem || !head) return t.fail();
  const layers = [{ ...stem, channels: { kept: 24, of: 32 } }, head];
  const text = describeTuning({ ...tuning, layers }, 4_000_000).join('\n');
  t.regex(text, /stem +float +24 of 32 +120 +118\n.*head +8 +all +– +40/);
});

test('without layers and trials there is still the reason', (t) => {
  const { layers: _layers, ...plain } = tuning;
  const lines = describeTuning({ ...plain, trials: [], notes: [] }, 1);
  t.is(lines.at(-1), tuning.reason);
  t.false(lines.some((line) => line.includes('source µs')));
});

test('millijoules are shown where they were measured', (t) => {
  const metered = { ...tuning, trials: [trial({ energyJ: 0.0123 }), fitted] };
  const text = describeTuning(metered, 4_000_000).join('\n');
  t.regex(text, /lost +mJ a run/);
  t.regex(text, /source +1 thread +10\.00 .* 12\.3/);
});
