import test from 'ava';
import { byInterest, progressOf } from '../../../../controller/dashboard/rollouts/progress.ts';
import { makeRollout } from '../../../support/dashboard/catalogue.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const rollout = makeRollout(makeFleet(30));

test('waves are counted from one, each with its members', (t) => {
  const { waves, size } = progressOf(rollout);
  t.deepEqual(
    waves.map((wave) => [wave.number, wave.size, wave.stage]),
    [
      [1, 3, 'done'],
      [2, 7, 'current'],
      [3, 20, 'ahead'],
    ],
  );
  t.is(size, 30);
});

test('a failed device is through as well', (t) => {
  const [first, ...rest] = rollout.members;
  if (first === undefined) return t.fail('no members');
  const failed = { ...rollout, members: [{ ...first, state: 'failed' as const }, ...rest] };
  t.is(progressOf(failed).done, progressOf(rollout).done - 1, 'counted as in the terminal');
  t.is(progressOf(failed).waves[0]?.stage, 'done');
});

test('what is under way comes first, then the newest', (t) => {
  const ended = { ...rollout, endedAt: rollout.createdAt, createdAt: '2027-01-01T00:00:00.000Z' };
  const older = { ...ended, createdAt: '2025-01-01T00:00:00.000Z' };
  t.deepEqual([older, ended, rollout].sort(byInterest), [rollout, ended, older]);
});
