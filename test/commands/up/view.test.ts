/** What people see of a fleet: on a terminal and in a log. */
import test from 'ava';
import { deviceShapes } from '../../../commands/up/shapes.ts';
import { logLine, pictureLines } from '../../../commands/up/view.ts';
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import type { Reported } from '../../../shared/protocol/messages.ts';
import { createStyle } from '../../../shared/terminal/style.ts';

const at = '2026-01-01T00:00:00.000Z';
const variant = `sha256:${'0'.repeat(64)}` as const;

const reported: Reported = {
  ...{ v: 1, device: 'all-cores', seq: 3, revision: 1, at, state: 'tuning' },
  reason: 'measuring candidates',
  progress: { what: 'int8, 2 threads', done: 3, total: 12, unit: 'trials' },
  ...{ serving: null, error: null, endpoint: null },
};

const serving: Reported = {
  ...reported,
  ...{ state: 'serving', progress: null },
  serving: {
    ...{ model: 'digits', version: 1, recipe: { v: 1, bits: 8 }, recipeName: 'int8', variant },
    ...{ bytes: 1 << 20, sourceBytes: 4 << 20, quality: null, latencyMsP50: 0.5, since: at },
    plan: { provider: 'cpu', threads: 2, instances: 1, batch: 1, stages: 1 },
    reason: 'the fastest of 12',
  },
};

function summary(report: Reported | null): DeviceSummary {
  return {
    ...{ device: 'all-cores', labels: {}, online: true, lastSeen: at, enrolledAt: at },
    ...{ hardwareClass: null, board: null, processor: null, cores: null, desiredRevision: 1 },
    ...{ reported: report, recent: null },
  };
}

function picture(devices: readonly DeviceSummary[]): string {
  const loads = new Map([['all-cores', [0, 5, 10]]]);
  const dashboard = 'http://localhost/#token=x';
  const all = { shapes: deviceShapes(3), model: null, devices, loads, dashboard };
  return pictureLines(all, createStyle(false)).join('\n');
}

test('every device has a line before it has said anything', (t) => {
  const text = picture([]);
  for (const { name } of deviceShapes(3)) t.regex(text, new RegExp(`${name} +.*starting`));
  t.true(text.includes('http://localhost/#token=x'));
});

test('a device that tunes shows a bar of its trials', (t) => {
  t.regex(picture([summary(reported)]), /all-cores .*◑ tuning +█{5}·{15} {2}3 of 12 trials/);
});

test('a device that serves shows what, how fast, how small, and its load', (t) => {
  const line = /● serving +int8 {2}2 threads {2}0\.5 ms {2}1 MiB of 4 MiB {2}▁▄█/;
  t.regex(picture([summary(serving)]), line);
});

test('a device that is away says so', (t) => {
  t.regex(picture([{ ...summary(serving), online: false }]), /○ offline/);
});

test('the log has no bars', (t) => {
  t.is(logLine(summary(null)), 'all-cores: enrolled');
  t.is(logLine(summary(reported)), 'all-cores: tuning: measuring candidates');
  t.regex(logLine(summary(serving)), /^all-cores: serving: int8 {2}2 threads {2}0\.5 ms/);
});

test('shapes repeat under new names', (t) => {
  const names = deviceShapes(7).map(({ name }) => name);
  t.is(new Set(names).size, 7);
  t.is(names[6], 'all-cores-3');
});
