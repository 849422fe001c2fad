import test from 'ava';
import { judgeDrift, minutesKept, type ServingMinute } from '../../../agent/tune/drift.ts';
import { plan } from '../../support/trials/figures.ts';

const tuned = { latencyMsP50: 10, spread: 0.01, temperatureC: 50, plan: plan(1) };

function minutes(count: number, change: Partial<ServingMinute> = {}): ServingMinute[] {
  const calm = { runs: 200, latencyMsP50: 10, temperatureC: 52, cores: 2, otherCores: 0.1 };
  return Array.from({ length: count }, () => ({ ...calm, ...change }));
}

test('what runs as it was tuned stays', (t) => {
  const verdict = judgeDrift(tuned, minutes(minutesKept));
  t.deepEqual(verdict, { retune: false, reason: 'runs take as long as when it was tuned' });
});

const shifts: [string, number, RegExp][] = [
  ['slower', 14, /40 % longer than when it was tuned, for 10 minutes/],
  ['faster', 5, /50 % less long than when it was tuned, for 10 minutes/],
];
for (const [what, latencyMsP50, reason] of shifts) {
  test(`${what} for ten minutes, and nothing explains it: tuned again`, (t) => {
    t.false(judgeDrift(tuned, minutes(9, { latencyMsP50 })).retune);
    const verdict = judgeDrift(tuned, minutes(10, { latencyMsP50 }));
    t.true(verdict.retune);
    t.regex(verdict.reason, reason);
  });
}

test('a shift within the noise, and one that comes and goes, are none', (t) => {
  t.false(judgeDrift(tuned, minutes(10, { latencyMsP50: 12 })).retune);
  const noisy = { ...tuned, spread: 0.2 };
  t.false(judgeDrift(noisy, minutes(10, { latencyMsP50: 15 })).retune);
  const comes = [...minutes(5, { latencyMsP50: 20 }), ...minutes(2), ...minutes(3)];
  t.false(judgeDrift(tuned, comes).retune);
});

test('minutes with few runs are not counted', (t) => {
  const verdict = judgeDrift(tuned, minutes(30, { latencyMsP50: 20, runs: 3 }));
  t.deepEqual(verdict, { retune: false, reason: '0 telling minutes so far' });
});

const causes: [string, Partial<ServingMinute>, RegExp][] = [
  ['heat', { temperatureC: 70 }, /it is at 70 °C and was at 50 °C/],
  ['other load', { otherCores: 1.8 }, /other processes use 1\.8 cores/],
];
for (const [what, cause, reason] of causes) {
  test(`${what} explains a shift: it must last an hour`, (t) => {
    const shifted = { latencyMsP50: 20, ...cause };
    const soon = judgeDrift(tuned, minutes(20, shifted));
    t.false(soon.retune);
    t.regex(soon.reason, /which may pass/);
    const late = judgeDrift(tuned, minutes(minutesKept, shifted));
    t.true(late.retune);
    t.regex(late.reason, reason);
  });
}
