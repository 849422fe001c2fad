import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { openJournal } from '../../agent/journal.ts';
import { type Agent, startAgent } from '../../agent/main.ts';
import { type AgentInput, agentSettings } from '../../agent/settings.ts';
import { openStore } from '../../agent/store.ts';
import { type Recipe, sourceRecipe } from '../../shared/compress/recipe.ts';
import type { Desired } from '../../shared/protocol/messages.ts';
import { createKeyPair } from '../../shared/signature.ts';
import { doublingModel } from '../support/arithmetic.ts';
import { type DesiredOptions, signedDesired } from '../support/desired.ts';
import { profileOf } from '../support/documents.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { enrolmentToken } from '../support/station/http.ts';
import { device, type Station, startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const Answer = v.object({ outputs: v.array(v.object({ data: v.array(v.number()) })) });
const int8: Recipe = { v: 1, bits: 8 };

async function start(
  t: ExecutionContext,
  station: Station,
  input: AgentInput = {},
): Promise<Agent & { stop(): Promise<void> }> {
  const settings = agentSettings({
    ...{ device, controller: station.url, token: enrolmentToken, httpPort: 0 },
    dataFolder: temporaryFolder(t),
    ...input,
  });
  const { signal } = new AbortController();
  const profile = profileOf(device);
  const agent = await startAgent({ settings, log: () => {}, signal, profile });
  let stopping: Promise<void> | null = null;
  const stop = () => {
    stopping ??= agent.stop();
    return stopping;
  };
  t.teardown(stop);
  return { ...agent, stop };
}

/** A doubling model as the variant of a recipe, and the document that wants it. */
async function offerModel(
  t: ExecutionContext,
  station: Station,
  options: { recipe?: Recipe; width?: number; version?: number } = {},
): Promise<(wanted: Omit<DesiredOptions, 'model' | 'device'>) => Desired> {
  const { recipe = sourceRecipe, width = 2, version = 1 } = options;
  const digest = station.offer(recipe, await doublingModel(t, { dims: [1, width] }));
  const model = { digest, version, candidates: [recipe] };
  return (wanted) => signedDesired(station.keys, { device, ...wanted, model });
}

async function double(agent: Agent, values: number[]): Promise<number[]> {
  const response = await fetch(new URL('/v2/models/model/infer', agent.endpoint), {
    method: 'POST',
    body: JSON.stringify({
      inputs: [{ name: 'x', shape: [1, values.length], datatype: 'FP32', data: values }],
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return v.parse(Answer, JSON.parse(text)).outputs[0]?.data ?? [];
}

test('an agent enrols, says what it is, and waits', async (t) => {
  const station = await startStation(t);
  await start(t, station);
  await station.reported('idle', ({ state, revision }) => state === 'idle' && revision === 0);
  const profile = await until('the profile', () => station.heard.profile[0]);
  t.is(profile.device, device);
  t.true(profile.processor.cores > 0);
  t.true(station.heard.presence.some(({ online }) => online));
});

test('what should be is reached: asked for, measured, proven, served', async (t) => {
  const station = await startStation(t);
  const agent = await start(t, station);
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
  const first = await start(t, station, { dataFolder });
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  await first.stop();
  station.refuseConnections(true);
  const again = await start(t, station, { dataFolder, token: null });
  await until('an answer', () => double(again, [4, 5]).catch(() => null));
  t.is(station.heard.tuning.length, 1);
  t.is(station.enrolments, 1);
});

test('a newer revision takes over within a second, whatever is under way', async (t) => {
  const station = await startStation(t);
  const gate = Promise.withResolvers<void>();
  t.teardown(gate.resolve);
  station.gate = gate.promise;
  await start(t, station);
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

test('documents that must not be followed are refused, and that is said', async (t) => {
  const station = await startStation(t);
  await start(t, station);
  await station.reported('idle', ({ state }) => state === 'idle');
  const publish = (revision: number, keys = station.keys) =>
    station.publish('desired', signedDesired(keys, { device, revision, model: null }));
  await publish(7);
  await station.reported('revision 7', ({ revision }) => revision === 7);
  await publish(9, createKeyPair());
  t.regex((await station.event('SIGNATURE_INVALID')).message, /revision 9/);
  await publish(6);
  await station.event('REVISION_STALE');
  await publish(8);
  await station.reported('revision 8', ({ revision }) => revision === 8);
  t.deepEqual(
    [...new Set(station.heard.reported.map(({ revision }) => revision))],
    [0, 7, 8],
    'nothing else was ever reported on',
  );
});

test('a model that cannot be had fails with its code, and the one before goes on', async (t) => {
  const station = await startStation(t);
  const agent = await start(t, station);
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

test('switching under load loses no request', async (t) => {
  const station = await startStation(t);
  const agent = await start(t, station);
  const first = await offerModel(t, station);
  await station.publish('desired', first({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  let answered = 0;
  let over = false;
  const clients = Array.from({ length: 4 }, async (_, at) => {
    while (!over) {
      t.deepEqual(await double(agent, [at, 1]), [2 * at, 2]);
      answered += 1;
    }
  });
  station.withdraw();
  const second = await offerModel(t, station, { recipe: int8, version: 2 });
  await station.publish('desired', second({ revision: 2 }));
  await station.reported('version 2', ({ serving, state }) => {
    return state === 'serving' && serving?.version === 2;
  });
  const before = answered;
  await until('requests after it', () => answered > before + 8);
  over = true;
  await Promise.all(clients);
});

test('no model is wanted: nothing answers, and its files are gone', async (t) => {
  const station = await startStation(t);
  const agent = await start(t, station);
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

test('inference over MQTT: the same bodies with an id, errors too', async (t) => {
  const station = await startStation(t);
  await start(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  const inputs = [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [3, 4] }];
  await station.publish('infer', { v: 1, id: 'one', model: 'model', inputs });
  await station.publish('infer', { v: 1, id: 'two', model: 'other', inputs });
  const answer = (id: string) =>
    until(id, () => station.heard.inferred.find((message) => message.id === id));
  t.like(await answer('one'), { model: 'model', outputs: [{ name: 'y', data: [6, 8] }] });
  t.like(await answer('two'), { code: 'NOT_FOUND' });
});

test('a variant of which processes die is not loaded a third time: the one before serves', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await start(t, station, { dataFolder });
  const good = await offerModel(t, station);
  await station.publish('desired', good({ revision: 1 }));
  await station.reported('version 1', ({ state }) => state === 'serving');
  station.withdraw();
  const bad = await offerModel(t, station, { recipe: int8, version: 2, width: 3 });
  await station.publish('desired', bad({ revision: 2 }));
  await station.reported('version 2', ({ state, serving }) => {
    return state === 'serving' && serving?.version === 2;
  });
  await first.stop();
  const store = openStore(dataFolder);
  const journal = openJournal(store, (text) => t.fail(text));
  const risk = journal.get('risk');
  t.not(risk, null);
  journal.change({ risk: risk && { ...risk, runs: 2 } });
  store.close();
  const again = await start(t, station, { dataFolder });
  await station.reported('failed', ({ state, error, serving }) => {
    return state === 'failed' && error?.code === 'SERVE_CRASH_LOOP' && serving?.version === 1;
  });
  await station.event('SERVE_CRASH_LOOP');
  t.deepEqual(await double(again, [1, 2]), [2, 4]);
});

test('requests are counted once, in order, although nobody was there to hear of them', async (t) => {
  const station = await startStation(t);
  const agent = await start(t, station);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1, telemetrySeconds: 0.1 }));
  await station.reported('serving', ({ state }) => state === 'serving');
  station.refuseConnections(true);
  station.dropConnections();
  await until('offline', () => station.heard.presence.at(-1)?.online === false);
  const asked = 30;
  for (let request = 0; request < asked; request++) await double(agent, [request, 1]);
  station.refuseConnections(false);
  const windows = new Map<number, number>();
  await until('all of them', () => {
    for (const { windows: sent } of station.heard.telemetry) {
      for (const { seq, requests } of sent) windows.set(seq, requests);
    }
    return [...windows.values()].reduce((sum, requests) => sum + requests, 0) >= asked;
  });
  t.is(
    [...windows.values()].reduce((sum, requests) => sum + requests, 0),
    asked,
  );
  const firsts = station.heard.telemetry.map(({ windows: sent }) => sent[0]?.seq ?? 0);
  t.deepEqual(
    firsts,
    firsts.toSorted((a, b) => a - b),
    'in order',
  );
  t.deepEqual(
    [...windows.keys()],
    Array.from(windows.keys(), (_, at) => at + 1),
    'no gap',
  );
});

test('credentials that are refused are renewed with the token, by the same controller only', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await start(t, station, { dataFolder });
  await station.reported('idle', ({ state }) => state === 'idle');
  await first.stop();
  station.refuseConnections(true);
  station.keys = createKeyPair();
  const log: string[] = [];
  const settings = agentSettings({
    ...{ device, controller: station.url, token: enrolmentToken, httpPort: 0, dataFolder },
  });
  const { signal } = new AbortController();
  const agent = await startAgent({ settings, log: (_, text) => log.push(text), signal });
  t.teardown(() => agent.stop());
  const refusal = await until('it', () => log.find((text) => text.includes('SIGNATURE_INVALID')));
  t.regex(refusal, /pinned controller key/);
});

test('a second agent on the same folder is refused', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  await start(t, station, { dataFolder });
  await t.throwsAsync(start(t, station, { dataFolder }), { code: 'CONFLICT' });
});

test('a damaged database is put aside, and the device starts over', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await start(t, station, { dataFolder });
  await first.stop();
  for (const suffix of ['-wal', '-shm'])
    rmSync(join(dataFolder, `agent.db${suffix}`), { force: true });
  writeFileSync(join(dataFolder, 'agent.db'), Buffer.alloc(8192, 'not a database '));
  const again = await start(t, station, { dataFolder });
  t.regex(again.endpoint, /^http/);
});
