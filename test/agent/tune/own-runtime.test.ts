import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openPool } from '../../../agent/serve/pool.ts';
import { runTrial, type TrialOptions } from '../../../agent/tune/trial.ts';
import { runtimePathVariable } from '../../../shared/evaluate/own-runtime.ts';
import { openableProviders } from '../../../shared/evaluate/providers.ts';
import type { VariantFile } from '../../../shared/variants.ts';
import { doublingModel } from '../../support/arithmetic.ts';
import { ownRuntimePackage } from '../../support/own-runtime.ts';
import { int8, plan } from '../../support/trials/figures.ts';
import { digitsSource } from '../../support/trials/variants.ts';

const options: TrialOptions = {
  effort: { warmUpMs: 20, runsMin: 10, secondsMin: 0.05, spread: 0.5, secondsMax: 1 },
  compare: 'latency',
  memoryLimitMiB: null,
  timeoutMs: 60_000,
  niceness: 0,
  signal: new AbortController().signal,
};

const folder = mkdtempSync(join(tmpdir(), 'fettle-own-runtime-'));
let variant: VariantFile;

const undo: (() => unknown)[] = [];

test.before(async () => {
  variant = await (await digitsSource(folder)).get(int8, { signal: options.signal });
  // From here on, every process and thread that this one starts takes the build of its own.
  process.env[runtimePathVariable] = ownRuntimePackage({ teardown: (end) => void undo.push(end) });
});
test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const end of undo) end();
});

test('providers that opened are listed, and no others', async (t) => {
  t.deepEqual(await openableProviders(), ['cpu', 'cuda']);
});

test('a provider that opens is measured like any other plan, golden set and all', async (t) => {
  const trial = await runTrial({ variant, plan: { ...plan(1), provider: 'cuda' } }, options);
  t.is(trial.error, null);
  t.is(trial.state, 'done');
  t.is(trial.golden?.agreement, 1);
  t.true(trial.latencyMsP50 > 0);
});

test('a provider that refuses or ends its process is a failed trial', async (t) => {
  const of = (provider: string) => runTrial({ variant, plan: { ...plan(1), provider } }, options);
  const refused = await of('tensorrt');
  t.is(refused.state, 'failed');
  t.regex(refused.error?.message ?? '', /libnvinfer\.so\.10: cannot open/);
  const ended = await of('qnn');
  t.is(ended.state, 'failed');
  t.regex(ended.error?.message ?? '', /SIGABRT/);
});

test('serving takes the same build', async (t) => {
  const path = await doublingModel(t, { dims: [1, 1] });
  const pool = await openPool({ path, plan: { ...plan(), provider: 'cuda' } });
  const x = { type: 'float', dims: [1, 1], data: new Float32Array([21]) } as const;
  const { y } = await pool.run({ x });
  t.is(y?.data[0], 42);
  await pool.drain();
  await t.throwsAsync(openPool({ path, plan: { ...plan(), provider: 'tensorrt' } }), {
    code: 'SERVE_FAILED',
    message: /libnvinfer/,
  });
});
