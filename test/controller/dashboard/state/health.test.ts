import test from 'ava';
import { healthNote, healthOf } from '../../../../controller/dashboard/state/health.ts';
import { kinds, makeDevice } from '../../../support/dashboard/fleet.ts';

const [kind] = kinds;
if (kind === undefined) throw new Error('no kind of device');
const device = (state: 'serving' | 'failed' | 'tuning') =>
  makeDevice({ index: 0, state, kind, random: () => 0.5 });

test('a device that is not connected is offline, whatever it said last', (t) => {
  t.is(healthOf(device('serving')), 'serving');
  t.is(healthOf({ ...device('serving'), online: false }), 'offline');
  t.is(healthOf({ ...device('serving'), reported: null }), 'idle');
});

test('a failed device says why, and what it still serves', (t) => {
  t.is(healthNote(device('failed')), 'NO_VARIANT_FITS, int8 still serves');
});

test('a new goal that was not taken up yet is told', (t) => {
  t.is(healthNote({ ...device('serving'), desiredRevision: 9 }), 'new goal on its way');
  t.is(healthNote(device('serving')), '');
  t.is(healthNote({ ...device('serving'), reported: null, online: false }), 'never reported');
});
