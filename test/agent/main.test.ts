import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Recipe } from '../../shared/compress/recipe.ts';
import { double, offerModel, startOn } from '../support/agent.ts';
import { signedDesired } from '../support/desired.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { device, startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const int8: Recipe = { v: 1, bits: 8 };

test('an agent enrols, says what it is, and waits', async (t) => {
  const station = await startStation(t);
  await startOn(t, station);
  await station.reported('idle', ({ state, revision }) => state === 'idle' && revision === 0);
  const profile = await until('the profile', () => station.heard.profile[0]);
  t.is(profile.device, device);
  t.true(profile.processor.cores > 0);
  t.true(station.heard.presence.some(({ online }) => online));
});

test('what should be is reached: asked for, measured, proven, served', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state, revision }) => state === 'serving' && revision === 1);
  t.deepEqual(await double(agent, [1, 2.5]), [2, 5]);
  const tuning = await until('the tuning', () => station.heard.tuning[0]);
  t.is(tuning.chosen?.recipeName, 'source');
  const states = new Set(station.heard.reported.map(({ state }) => state));
  t.true(states.isSupersetOf(new Set(['idle', 'fetching', 'tuning', 'proving', 'serving'])));
  const seqs = station.heard.reported.map(({ seq }) => seq);
  t.deepEqual(
    seqs,
    [...new Set(seqs)].toSorted((a, b) => a - b),
    'numbers only rise',
  );
});

test('a restart serves again without the controller, and without tuning', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await startOn(t, station, { dataFolder });
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  await first.stop();
  station.refuseConnections(true);
  const again = await startOn(t, station, { dataFolder, token: null });
  await until('an answer', () => double(again, [4, 5]).catch(() => null));
  t.is(station.heard.tuning.length, 1);
  t.is(station.enrolments, 1);
});

test('a newer revision takes over within a second, whatever is under way', async (t) => {
  const station = await startStation(t);
  const gate = Promise.withResolvers<void>();
  t.teardown(gate.resolve);
  station.gate = gate.promise;
  await startOn(t, station);
  const stuck = await offerModel(t, station);
  await station.publish('desired', stuck({ revision: 1 }));
  await station.reported(
    'fetching',
    ({ state, revision }) => state === 'fetching' && revision === 1,
  );
  await station.publish(
    'desired',
    signedDesired(station.keys, { device, revision: 2, model: null }),
  );
  await station.reported('idle', ({ state, revision }) => state === 'idle' && revision === 2);
  t.false(station.heard.reported.some(({ state }) => state === 'failed'));
});

test('a model that cannot be had fails with its code, and the one before goes on', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  const good = await offerModel(t, station);
  await station.publish('desired', good({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  station.withdraw();
  const model = { version: 2, candidates: [int8] };
  await station.publish('desired', signedDesired(station.keys, { device, revision: 2, model }));
  await station.reported('failed', ({ state, revision, error, serving }) => {
    const known = state === 'failed' && revision === 2 && serving?.version === 1;
    return known && error?.code === 'NO_VARIANT_FITS';
  });
  t.deepEqual(await double(agent, [1, 1]), [2, 2]);
});

test('no model is wanted: nothing answers, and its files are gone', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  await station.publish(
    'desired',
    signedDesired(station.keys, { device, revision: 2, model: null }),
  );
  await station.reported('idle', ({ state, revision }) => state === 'idle' && revision === 2);
  await t.throwsAsync(double(agent, [1, 2]), { message: /404/ });
});

test('a second agent on the same folder is refused', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  await startOn(t, station, { dataFolder });
  await t.throwsAsync(startOn(t, station, { dataFolder }), { code: 'CONFLICT' });
});

test('a damaged database is put aside, and the device starts over', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await startOn(t, station, { dataFolder });
  await first.stop();
  for (const suffix of ['-wal', '-shm'])
    rmSync(join(dataFolder, `agent.db${suffix}`), { force: true });
  writeFileSync(join(dataFolder, 'agent.db'), Buffer.alloc(8192, 'not a database '));
  const again = await startOn(t, station, { dataFolder });
  t.regex(again.endpoint, /^http/);
});
