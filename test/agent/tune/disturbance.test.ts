import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { calmer, disturbanceOf } from '../../../agent/tune/disturbance.ts';
import type { Conditions } from '../../../agent/tune/trial-protocol.ts';
import { processorTimes, watchMachine } from '../../../agent/tune/watch.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { plan, trial } from '../../support/trials/figures.ts';

const calm: Conditions = {
  ...{ seconds: 1, cores: 2, otherCores: 0.05, stolenCores: 0, throttles: 0, temperatureC: 50 },
  ...{ frequencyMHzBefore: 1500, frequencyMHzAfter: 1500, powerW: null },
};
const one = { plan: plan(1), spread: 0.01 };
const two = { plan: plan(2), spread: 0.01 };

test('a calm machine disturbs nothing, nor does one that tells nothing', (t) => {
  t.is(disturbanceOf(calm, two), null);
  const silent = { ...calm, otherCores: null, stolenCores: null, throttles: null };
  const unread = { ...silent, frequencyMHzBefore: null, frequencyMHzAfter: null };
  t.is(disturbanceOf(unread, two), null);
});

const cases: [string, Partial<Conditions>, RegExp][] = [
  ['other load', { otherCores: 0.8 }, /other processes used 0\.8 of 2 cores/],
  ['a host that steals', { stolenCores: 0.3 }, /took 0\.30 of 2 cores away/],
  ['a frequency that falls', { frequencyMHzAfter: 600 }, /fell from 1500 to 600 MHz/],
  ['throttling', { throttles: 3 }, /throttled 3 times/],
];
for (const [what, change, reason] of cases) {
  test(`${what} is told`, (t) => t.regex(disturbanceOf({ ...calm, ...change }, two) ?? '', reason));
}

test('load on cores that the plan does not need disturbs nothing', (t) => {
  t.is(disturbanceOf({ ...calm, otherCores: 0.9 }, one), null);
});

test('of two measurements the undisturbed one is kept, else the quicker', (t) => {
  const loud = trial({ latencyMsP50: 3, disturbed: 'others' });
  const quiet = trial({ latencyMsP50: 4 });
  const quick = trial({ latencyMsP50: 2, disturbed: 'others' });
  t.is(calmer(loud, quiet), quiet);
  t.is(calmer(quiet, loud), quiet);
  t.is(calmer(loud, quick), quick);
  t.is(calmer(loud, { ...quiet, state: 'failed' }), loud);
});

test('times are of the processors that may be used', (t) => {
  const stat = 'cpu  9 9 9 9\ncpu0 100 0 50 1000 0 0 0 25 0 0\ncpu1 700 0 0 0 0 0 0 0 0 0\n';
  t.deepEqual(processorTimes(stat, [0]), { busySeconds: 1.5, stolenSeconds: 0.25 });
  t.deepEqual(processorTimes('', [0]), { busySeconds: null, stolenSeconds: null });
});

test('a recorded machine is read: what changed between two looks', async (t) => {
  const root = temporaryFolder(t);
  const write = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('proc/self/status', 'Cpus_allowed_list:\t1\n');
  write('proc/stat', 'cpu1 0 0 0 0 0 0 0 0 0 0\n');
  write('sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq', '1800000\n');
  write('sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count', '4\n');
  write('sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n');
  write('sys/class/thermal/thermal_zone0/temp', '61000\n');
  const watch = await watchMachine({ root });
  write('proc/stat', 'cpu1 1000000 0 0 0 0 0 0 100 0 0\n');
  write('sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq', '900000\n');
  write('sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count', '6\n');
  const seen = await watch.end();
  t.like(seen, { cores: 1, frequencyMHzBefore: 1800, frequencyMHzAfter: 900, throttles: 2 });
  t.is(seen.temperatureC, 61);
  t.true((seen.otherCores ?? 0) > 0 && (seen.stolenCores ?? 0) > 0);
});

test('this machine can be watched', async (t) => {
  const seen = await (await watchMachine()).end();
  t.true(seen.cores >= 1);
  t.true(seen.otherCores === null || seen.otherCores >= 0);
});
