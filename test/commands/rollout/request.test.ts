import test from 'ava';
import { parseWords } from '../../../commands/grammar.ts';
import { silent } from '../../../commands/output.ts';
import { requestOf } from '../../../commands/rollout/request.ts';
import { command } from '../../../commands/rollout/start.ts';
import type { RolloutAsked } from '../../../shared/protocol/rollouts.ts';

function asked(...words: readonly string[]): RolloutAsked {
  const parsed = parseWords(command, ['digits', ...words]);
  if ('mistake' in parsed) throw new Error(parsed.mistake);
  const { signal } = new AbortController();
  return requestOf({ ...parsed, json: false, signal, io: silent });
}

test('what is not given is left to the controller', (t) => {
  t.deepEqual(asked(), { model: 'digits' });
});

test('waves, their approvals, and numbers', (t) => {
  const words = ['--waves', '1, 10%,100%', '--approve-waves', '2,3', '--scouts', '0'];
  t.deepEqual(asked(...words, '--min-healthy-percent', '90', '--max-concurrent', '4'), {
    model: 'digits',
    waves: [{ count: 1 }, { percent: 10, approval: true }, { percent: 100, approval: true }],
    scouts: 0,
    minHealthyPercent: 90,
    maxConcurrent: 4,
  });
  t.deepEqual(asked('--approve-waves', 'all').waves, [
    { count: 1, approval: true },
    { percent: 100, approval: true },
  ]);
});

test('maintenance windows, several of them, with their time zone', (t) => {
  const words = ['--maintenance', 'mon,fri 22:00-04:00', '--maintenance', '12:00-13:00'];
  t.deepEqual(asked(...words, '--time-zone', 'Europe/Berlin').maintenance, {
    timeZone: 'Europe/Berlin',
    windows: [
      { days: ['mon', 'fri'], from: '22:00', to: '04:00' },
      { days: [], from: '12:00', to: '13:00' },
    ],
  });
});

test('gates, and what a breach does', (t) => {
  const words = ['--gate', 'latencyRatio=1.5', '--gate', 'memoryRatio=off'];
  t.like(asked(...words, '--on-breach', 'rollback', '--breach-scope', 'class'), {
    gates: { latencyRatio: 1.5, memoryRatio: null },
    onBreach: 'rollback',
    breachScope: 'class',
  });
});

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['--waves', '1,ten', /--waves: expected counts and percentages/],
  ['--approve-waves', '7', /--approve-waves: expected numbers from 1 to 2/],
  ['--maintenance', 'monday 22-4', /--maintenance: expected days and hours/],
  ['--maintenance', 'moo 22:00-04:00', /--maintenance/],
  ['--gate', 'latencyRatio', /--gate: expected a name and a number/],
  ['--on-breach', 'panic', /--on-breach: expected pause, abort, rollback, got panic/],
  ['--scouts', '-1', /--scouts/],
];

for (const [flag, value, message] of wrong) {
  test(`${flag} ${value} is refused`, (t) => {
    t.throws(() => asked(`${flag}=${value}`), { message });
  });
}
