import test from 'ava';
import { openJournal } from '../../agent/journal.ts';
import { openStore } from '../../agent/store.ts';
import type { Recipe } from '../../shared/compress/recipe.ts';
import { double, offerModel, startOn } from '../support/agent.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const int8: Recipe = { v: 1, bits: 8 };

test('switching under load loses no request', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
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

test('a variant of which processes die is not loaded a third time', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const first = await startOn(t, station, { dataFolder });
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
  const again = await startOn(t, station, { dataFolder });
  await station.reported('failed', ({ state, error, serving }) => {
    return state === 'failed' && error?.code === 'SERVE_CRASH_LOOP' && serving?.version === 1;
  });
  await station.event('SERVE_CRASH_LOOP');
  t.deepEqual(await double(again, [1, 2]), [2, 4]);
});
