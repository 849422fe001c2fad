import test from 'ava';
import { chosenIndex, trialPoints } from '../../../../controller/dashboard/device/trials-points.ts';
import { makeDetail } from '../../../support/dashboard/detail.ts';
import { makeFleet } from '../../../support/dashboard/fleet.ts';

const [summary] = makeFleet(1);
if (summary === undefined) throw new Error('no device');
const { tuning, desired } = makeDetail(summary);
if (tuning === null) throw new Error('no tuning');
const goal = desired?.model ?? null;

test('the choice is one of the trials and marked once', (t) => {
  const index = chosenIndex(tuning);
  t.is(tuning.trials[index ?? -1]?.recipeName, 'int8');
  t.is(tuning.trials[index ?? -1]?.plan.threads, 4);
  const { points } = trialPoints(tuning, goal);
  t.deepEqual(
    points.filter((point) => point.part === 'chosen').map((point) => point.id),
    [index],
  );
});

test('failed trials are no points', (t) => {
  const { points } = trialPoints(tuning, goal);
  t.is(points.length, tuning.trials.filter((trial) => trial.state === 'done').length);
  t.false(points.some((point) => point.name === 'int2'));
});

test('the front is what the device says it is', (t) => {
  const { points } = trialPoints(tuning, goal);
  const marked = points.filter((point) => point.part !== 'behind').map((point) => point.id);
  const wanted = new Set([...tuning.front, chosenIndex(tuning)]);
  t.deepEqual(new Set(marked), wanted);
});

test('the floor is the source less what may be lost', (t) => {
  const { floor } = trialPoints(tuning, goal);
  t.is(floor, 0.9883 - 0.01);
});

test('a source without its own measurement is as good as itself', (t) => {
  const trials = tuning.trials.map((trial) =>
    trial.recipe.source ? { ...trial, quality: null } : trial,
  );
  const { points } = trialPoints({ ...tuning, trials }, goal);
  t.is(points.find((point) => point.name === 'source')?.worth, 0.9883);
});

test('without quality the picture shows size, smaller is better', (t) => {
  const trials = tuning.trials.map((trial) => ({ ...trial, quality: null }));
  const model = goal === null ? null : { ...goal, sourceQuality: null };
  const { points, axis, floor } = trialPoints({ ...tuning, trials }, model);
  t.is(axis.kind, 'size');
  t.is(floor, null);
  const worthOf = (name: string) => points.find((point) => point.name === name)?.worth ?? 0;
  t.true(worthOf('int8') > worthOf('source'));
});

test('nothing chosen, nothing marked', (t) => {
  const { points } = trialPoints({ ...tuning, chosen: null }, goal);
  t.false(points.some((point) => point.part === 'chosen'));
});
