import test from 'ava';
import * as v from 'valibot';
import { groupMembers } from '../../../commands/rollout/groups.ts';
import { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { makeRollout } from '../../support/dashboard/catalogue.ts';
import { makeFleet } from '../../support/dashboard/fleet.ts';

const at = '2026-11-24T00:00:00.000Z';
const later = '2026-11-24T00:05:00.000Z';
const member = { class: 'x64', wave: 1, revision: 1, since: at };

test('a group is told by who has waited longest of those under way', (t) => {
  const members = [
    { ...member, device: 'a', state: 'succeeded', reason: 'answers' },
    { ...member, device: 'b', state: 'updating', reason: 'tuning: 3 of 9', since: later },
    { ...member, device: 'c', state: 'updating', reason: 'fetching: 1 of 2' },
    { ...member, device: 'd', state: 'failed', reason: 'it crashed' },
    { ...member, device: 'e', class: 'arm64', state: 'succeeded', reason: 'answers' },
    {
      ...member,
      device: 'f',
      wave: 2,
      state: 'waiting',
      reason: 'wave 1 is not done',
      since: null,
    },
  ];
  const record = v.parse(RolloutRecord, { ...makeRollout(makeFleet(1)), members, since: later });
  t.deepEqual(
    groupMembers(record).map((group) => Object.values(group).join(' | ')),
    [
      `1 | arm64 | 1 | 1 | 0 | answers | ${at}`,
      `1 | x64 | 4 | 1 | 1 | c: fetching: 1 of 2 | ${at}`,
      `2 | x64 | 1 | 0 | 0 | wave 1 is not done | ${later}`,
    ],
  );
});
