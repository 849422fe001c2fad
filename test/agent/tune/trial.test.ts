import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test from 'ava';
import { runFinal, runTrial, type TrialOptions } from '../../../agent/tune/trial.ts';
import { sourceRecipe } from '../../../shared/compress/recipe.ts';
import { type NpyArray, openNpz, readArray, writeNpz } from '../../../shared/evaluate/npz.ts';
import type { VariantFile } from '../../../shared/variants.ts';
import { goal, int8, plan } from '../../support/trials/figures.ts';
import { digitsSource } from '../../support/trials/variants.ts';

const options: TrialOptions = {
  effort: { warmUpMs: 20, runsMin: 10, secondsMin: 0.05, spread: 0.5, secondsMax: 1 },
  compare: 'latency',
  memoryLimitMiB: null,
  timeoutMs: 60_000,
  niceness: 0,
  signal: new AbortController().signal,
};

const signal = options.signal;
const folder = mkdtempSync(join(tmpdir(), 'fettle-trial-'));
let source: VariantFile;
let fitted: VariantFile;

test.before(async () => {
  const variants = await digitsSource(folder);
  source = await variants.get(sourceRecipe, { signal });
  fitted = await variants.get(int8, { signal });
});
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test('a real variant is measured, its golden set checked', async (t) => {
  const trial = await runTrial({ variant: fitted, plan: plan(1) }, options);
  t.is(trial.error, null);
  t.is(trial.state, 'done');
  t.is(trial.variant, fitted.digest);
  t.true(trial.latencyMsP50 > 0 && trial.latencyMsP50 <= trial.latencyMsP95);
  t.true(trial.throughputPerSecond > 0);
  t.true(trial.memoryMiB > 30, `${trial.memoryMiB} MiB`);
  t.true(trial.runs >= 10);
  t.is(trial.golden?.agreement, 1);
  t.true((trial.golden?.sqnrDb ?? 0) > 30);
});

test('several sessions side by side are one trial', async (t) => {
  const trial = await runTrial({ variant: fitted, plan: plan(1, 2) }, options);
  t.is(trial.error, null);
  t.is(trial.golden?.agreement, 1);
  t.true(trial.throughputPerSecond > 0);
});

for (const change of [{ stages: 2 }, { batch: 4 }]) {
  test(`a plan of ${Object.keys(change)} is a trial as it will serve`, async (t) => {
    const entry = { variant: fitted, plan: { ...plan(), ...change } };
    const trial = await runTrial(entry, { ...options, compare: 'throughput' });
    t.is(trial.error, null);
    t.is(trial.golden?.agreement, 1);
    t.true(trial.throughputPerSecond > 0 && trial.runs > 0);
  });
}

test('a final round compares all with the first', async (t) => {
  const entries = [
    { variant: source, plan: plan(1) },
    { variant: fitted, plan: plan(1) },
  ];
  const [first, second] = await runFinal(entries, options);
  t.is(first?.versus, null);
  const { ratio = 0, low = 0, high = 0, rounds = 0 } = second?.versus ?? {};
  t.true(low <= ratio && ratio <= high);
  t.true(rounds >= 1);
  t.true(ratio > 1, `8 bits are ${ratio} times as fast`);
});

test('a variant that computes something else here is refused', async (t) => {
  const path = fitted.goldenPath ?? '';
  const npz = await openNpz(path);
  const arrays: Record<string, NpyArray> = {};
  for (const name of npz.arrays.keys()) arrays[name] = await readArray(npz, name);
  for (const [name, { data }] of Object.entries(arrays)) {
    if (name.startsWith('output:') && data instanceof Float32Array) data.reverse();
  }
  const goldenPath = join(folder, 'wrong.npz');
  await writeNpz(goldenPath, arrays);
  const trial = await runTrial({ variant: { ...fitted, goldenPath }, plan: plan() }, options);
  t.is(trial.state, 'failed');
  t.is(trial.error?.code, 'GOLDEN_MISMATCH');
  t.regex(trial.error?.message ?? '', /computes wrongly on this processor: signal to noise/);
  t.true(trial.latencyMsP50 > 0, 'what was measured is kept');
});

test('a file that is no model fails with the reason of the runtime', async (t) => {
  const path = join(import.meta.dirname, '../../fixtures/devices/README.md');
  const trial = await runTrial({ variant: { ...fitted, path }, plan: plan() }, options);
  t.is(trial.error?.code, 'TRIAL_FAILED');
  t.regex(trial.error?.message ?? '', /^trial of int8: .*cannot run this model/);
});

const misbehaving: [string, Partial<TrialOptions>, RegExp][] = [
  ['../../support/trials/crashing.ts', {}, /killed by SIGABRT/],
  ['../../support/trials/hanging.ts', { timeoutMs: 700 }, /no end within 700 ms/],
  [
    '../../support/trials/hungry.ts',
    { memoryLimitMiB: 200 },
    /MiB used, at most 200 MiB are allowed/,
  ],
  ['../../support/trials/silent.ts', {}, /its process ended without an answer/],
];
for (const [path, change, reason] of misbehaving) {
  test(`a ${basename(path, '.ts')} process is a failed trial that says so`, async (t) => {
    const module = new URL(path, import.meta.url);
    const entry = { variant: fitted, plan: plan() };
    const trial = await runTrial(entry, { ...options, ...change, module });
    t.is(trial.state, 'failed');
    t.is(trial.error?.code, 'TRIAL_FAILED');
    t.regex(trial.error?.message ?? '', reason);
    t.is(trial.runs, 0);
  });
}

test('a process that was killed from outside gets a second chance', async (t) => {
  process.env.FETTLE_TEST_FOLDER = folder;
  const module = new URL('../../support/trials/killed-once.ts', import.meta.url);
  const trial = await runTrial({ variant: fitted, plan: plan() }, { ...options, module });
  t.is(trial.error, null);
  t.is(trial.state, 'done');
});

test('an aborted trial throws, and its process is gone', async (t) => {
  const controller = new AbortController();
  const module = new URL('../../support/trials/hanging.ts', import.meta.url);
  const entry = { variant: fitted, plan: plan() };
  const running = runTrial(entry, { ...options, module, signal: controller.signal });
  controller.abort(new Error('a newer revision'));
  await t.throwsAsync(running, { message: 'a newer revision' });
});

test('the figures of a trial fit the goal they are chosen by', async (t) => {
  const trial = await runTrial({ variant: source, plan: plan() }, options);
  t.true(trial.bytes <= goal.bytes);
  t.is(trial.recipeName, 'source');
});
