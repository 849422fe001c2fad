/** Maintenance windows over the hours that daylight saving skips and repeats. */
import test from 'ava';
import { planRollout } from '../../../controller/rollout/plan.ts';
import type { Maintenance } from '../../../shared/protocol/rollouts.ts';
import { rolloutOf, viewsOf } from '../../support/rollout-play.ts';

/** How many of the minutes between two instants a device may be given the model. */
function openMinutes(maintenance: Maintenance, from: string, to: string): string[] {
  const open: string[] = [];
  for (let at = Date.parse(from); at < Date.parse(to); at += 60_000) {
    const plan = planRollout(rolloutOf({ maintenance }), viewsOf(['a']), at);
    if (plan.admit.length > 0) open.push(new Date(at).toISOString().slice(11, 16));
  }
  return open;
}

const window = (timeZone: string, from: string, to: string): Maintenance => ({
  timeZone,
  windows: [{ days: ['sun'], from, to }],
});

function reasonAt(maintenance: Maintenance, at: string): string {
  return planRollout(rolloutOf({ maintenance }), viewsOf(['a']), Date.parse(at)).reason;
}

// Berlin goes from 02:00 to 03:00 on 28 March 2027 at 01:00 UTC, and back on 31 October.
const rows = [
  [
    'its hour is skipped: it begins where the clocks go on, and lasts its length',
    window('Europe/Berlin', '02:00', '03:00'),
    '2027-03-28',
    60,
    '01:00',
  ],
  [
    'its begin is skipped, its end is not',
    window('Europe/Berlin', '02:30', '03:30'),
    '2027-03-28',
    60,
    '01:00',
  ],
  [
    'its hour is repeated: it is open once',
    window('Europe/Berlin', '02:00', '03:00'),
    '2027-10-31',
    60,
    '00:00',
  ],
  [
    'it lies across the change',
    window('Europe/Berlin', '00:00', '06:00'),
    '2027-03-28',
    360,
    '23:00',
  ],
  [
    'half an hour is skipped (Lord Howe, 3 October, 15:30 UTC the day before)',
    window('Australia/Lord_Howe', '02:00', '02:30'),
    '2027-10-03',
    30,
    '15:30',
  ],
  [
    'nothing is skipped (Kathmandu)',
    window('Asia/Kathmandu', '00:15', '00:45'),
    '2027-03-28',
    30,
    '18:30',
  ],
] as const;

for (const [what, maintenance, sunday, minutes, first] of rows) {
  test(what, (t) => {
    const noon = Date.parse(`${sunday}T12:00:00Z`);
    const day = (hours: number) => new Date(noon + hours * 3_600_000).toISOString();
    const open = openMinutes(maintenance, day(-24), day(24));
    t.deepEqual([open.length, open[0]], [minutes, first]);
  });
}

test('what is told of the next window is what the clocks will show', (t) => {
  const berlin = window('Europe/Berlin', '02:00', '03:00');
  t.regex(reasonAt(berlin, '2027-03-28T00:59:00Z'), /begins today at 03:00 Europe\/Berlin/);
  t.regex(reasonAt(berlin, '2027-03-28T02:00:00Z'), /begins sun at 02:00 Europe\/Berlin/);
});
