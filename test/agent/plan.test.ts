import test from 'ava';
import {
  type Current,
  driftsOf,
  goalKeyOf,
  plan,
  restingState,
  type SlotFacts,
  type StepName,
  tunedFor,
} from '../../agent/plan.ts';
import { type Digest, digestOf } from '../../shared/digest.ts';
import { FettleError, reportError } from '../../shared/errors.ts';
import type { Desired } from '../../shared/protocol/messages.ts';
import { desiredFor } from '../support/desired.ts';
import { deviceLife } from '../support/histories/device.ts';

const nothing: Current = { slot: null, loaded: null, choices: [], failure: null, soaked: null };
const key = (name: string): Digest => digestOf(name);
const slot = (goal: string, run: string, present = true): SlotFacts => ({
  goalKey: key(goal),
  key: key(run),
  present,
});
const served = slot('a', 'run a');
const error = reportError(new FettleError('NO_VARIANT_FITS', { reason: 'none' }));
const failure = { revision: 1, error, waiting: false, due: false };

interface Case {
  readonly when: string;
  readonly desired?: Desired | null;
  readonly goal?: string | null;
  readonly current: Partial<Current>;
  readonly step: StepName | null;
}

const cases: readonly Case[] = [
  { when: 'nothing is known', desired: null, goal: null, current: {}, step: null },
  { when: 'a model is wanted', current: {}, step: 'tune' },
  { when: 'a choice is made', current: { choices: [served] }, step: 'prove' },
  {
    when: 'the files of the choice are gone',
    current: { choices: [slot('a', 'run a', false)] },
    step: 'fetch',
  },
  { when: 'the choice is for another goal', current: { choices: [slot('b', 'x')] }, step: 'tune' },
  { when: 'a process has started anew', current: { slot: served }, step: 'restore' },
  {
    when: 'a process has started anew, the broker away',
    desired: null,
    goal: null,
    current: { slot: served },
    step: 'restore',
  },
  {
    when: 'it has just been switched to',
    current: { slot: served, loaded: served.key },
    step: 'soak',
  },
  {
    when: 'it serves and has soaked',
    current: { slot: served, loaded: served.key, soaked: 1 },
    step: null,
  },
  {
    when: 'it soaked for an older revision of the same goal',
    current: { slot: served, loaded: served.key, soaked: 0 },
    step: 'soak',
  },
  {
    when: 'an earlier version is wanted again',
    goal: 'b',
    current: { slot: served, loaded: served.key, choices: [served, slot('b', 'run b')] },
    step: 'prove',
  },
  { when: 'the revision has failed', current: { failure }, step: null },
  {
    when: 'the time to try it again has come',
    current: { failure: { ...failure, due: true } },
    step: 'tune',
  },
  {
    when: 'an older revision has failed',
    current: { failure: { ...failure, revision: 0 } },
    step: 'tune',
  },
  {
    when: 'the revision has failed and nothing serves',
    current: { failure, slot: served },
    step: 'restore',
  },
  {
    when: 'no model is wanted and one serves',
    desired: desiredFor({ revision: 1, model: null }),
    goal: null,
    current: { slot: served, loaded: served.key },
    step: 'retire',
  },
  {
    when: 'no model is wanted and none serves',
    desired: desiredFor({ revision: 1, model: null }),
    goal: null,
    current: {},
    step: null,
  },
];

for (const { when, desired = desiredFor({ revision: 1 }), goal = 'a', current, step } of cases) {
  test(`${when}: ${step ?? 'nothing to do'}`, (t) => {
    const planned = plan(desired, goal === null ? null : key(goal), { ...nothing, ...current });
    t.is(planned?.step ?? null, step);
    t.not(planned?.reason, '');
  });
}

test('a goal is what tuning depends on, not the revision', (t) => {
  const one = desiredFor({ revision: 1 });
  const again = desiredFor({ revision: 2 });
  t.is(goalKeyOf(one, 'class'), goalKeyOf(again, 'class'));
  t.not(goalKeyOf(one, 'class'), goalKeyOf(one, 'other class'));
  const { model } = one;
  const stricter = { ...one, model: model && { ...model, maxDrop: 0.5 } };
  t.not(goalKeyOf(one, 'class'), goalKeyOf(stricter, 'class'));
  t.is(goalKeyOf({ ...one, model: null }, 'class'), null);
});

test('a device that waits says for what', (t) => {
  const desired = desiredFor({ revision: 1 });
  const state = (current: Partial<Current>) => restingState(desired, { ...nothing, ...current });
  t.is(restingState(null, nothing).state, 'idle');
  t.is(state({ failure }).state, 'failed');
  t.is(state({ failure: { ...failure, waiting: true } }).state, 'fetching');
  t.is(state({ slot: served, loaded: served.key, soaked: 1 }).state, 'serving');
});

test('20,000 seeded events of a device end where they should', (t) => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const fault = deviceLife(seed);
    if (fault) return t.fail(`seed ${seed}: ${fault}`);
  }
  return t.pass();
});

test('a choice is for a runtime and a class, and is made anew where the device drifted', (t) => {
  const device = { hardwareClass: 'class', runtimeVersion: '1.27.0' };
  t.not(tunedFor(device, 0), tunedFor({ ...device, runtimeVersion: '1.28.0' }, 0));
  t.not(tunedFor(device, 0), tunedFor({ ...device, hardwareClass: 'other' }, 0));
  t.not(tunedFor(device, 0), tunedFor(device, 1));
  const drift = { model: digestOf('model'), times: 2 };
  t.is(driftsOf(drift, null), 0);
});
