/** From a chosen variant to one that is said to serve. */
import test from 'ava';
import type { Agent } from '../../agent/main.ts';
import type { Recipe } from '../../shared/compress/recipe.ts';
import { double, offerModel, startOn } from '../support/agent.ts';
import { fragileModel, identityOf } from '../support/arithmetic.ts';
import { type Station, startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const int8: Recipe = { v: 1, bits: 8 };

interface Asking {
  readonly answers: number[];
  /** What was not answered. */
  readonly refused: string[];
  stop(): Promise<void>;
}

/** Asks without a pause; what is answered is either right or kept as it is. */
function ask(agent: Agent, value: number): Asking {
  const answers: number[] = [];
  const refused: string[] = [];
  let over = false;
  const clients = Array.from({ length: 3 }, async () => {
    while (!over) {
      await double(agent, [value, 0]).then(
        ([first = Number.NaN]) => answers.push(first),
        (thrown) => refused.push(String(thrown)),
      );
    }
  });
  return {
    ...{ answers, refused },
    async stop() {
      over = true;
      await Promise.all(clients);
    },
  };
}

async function serveFirst(t: Parameters<typeof startStation>[0], station: Station): Promise<void> {
  const first = await offerModel(t, station);
  await station.publish('desired', first({ revision: 1 }));
  await station.reported('version 1', ({ state }) => state === 'serving');
  station.withdraw();
}

function failedWith(station: Station, code: string): Promise<void> {
  return station.reported(code, ({ state, revision, error }) => {
    return state === 'failed' && revision === 2 && error?.code === code;
  });
}

test('it proves itself before it serves, is compared meanwhile, and loses nothing', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  await serveFirst(t, station);
  const asking = ask(agent, 1);
  const second = await offerModel(t, station, { recipe: int8, version: 2 });
  await station.publish('desired', second({ revision: 2, soakSeconds: 1.5 }));
  await station.reported('version 2', ({ state, serving }) => {
    return state === 'serving' && serving?.version === 2;
  });
  await asking.stop();
  t.deepEqual(asking.refused, []);
  t.true(asking.answers.length > 20 && asking.answers.every((answer) => answer === 2));
  const reports = station.heard.reported.filter(({ serving }) => serving?.version === 2);
  const states = reports.map(({ state }) => state);
  t.is(states[0], 'proving');
  t.deepEqual(states, states.toSorted(), 'from proving to serving, and not back');
  const live = reports.at(-1)?.serving?.live;
  t.true((live?.samples ?? 0) > 0);
  t.is(live?.agreement, 1);
});

test('a variant that disagrees on live requests is refused by its package', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  await serveFirst(t, station);
  const asking = ask(agent, 3);
  const offered = { recipe: int8, version: 2, limits: { agreement: 0.9 }, make: identityOf };
  const second = await offerModel(t, station, offered);
  await station.publish('desired', second({ revision: 2, soakSeconds: 1 }));
  await failedWith(station, 'SHADOW_MISMATCH');
  await asking.stop();
  t.deepEqual(asking.refused, []);
  t.true(asking.answers.every((answer) => answer === 6));
});

const golden = [
  [1, 0],
  [3, 1],
  [2, 9],
  [5, 4],
];

test('without traffic it is held against the one before on the golden inputs', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  await serveFirst(t, station);
  const offered = { recipe: int8, version: 2, make: identityOf, golden };
  const second = await offerModel(t, station, offered);
  await station.publish('desired', second({ revision: 2, agreement: 0.5 }));
  await failedWith(station, 'SHADOW_MISMATCH');
  const { error } = station.heard.reported.findLast((report) => report.error) ?? {};
  t.regex(error?.message ?? '', /0\.000 of 4 golden inputs are answered as before, at least 0\.5/);
  t.deepEqual(await double(agent, [1, 2]), [2, 4], 'the one before never stopped');
  const said = await station.event('VERSIONS_COMPARED');
  t.is(said.message, 'version 2 as int8 answers 0 of 4 golden inputs as version 1 as source does');
});

test('what was measured there is reported, and not asked of a way back', async (t) => {
  const station = await startStation(t);
  await startOn(t, station);
  await serveFirst(t, station);
  const same = await offerModel(t, station, { recipe: int8, version: 2, golden });
  await station.publish('desired', same({ revision: 2, agreement: 0.5 }));
  await station.reported('version 2', ({ state, serving }) => {
    const seen = serving?.onGolden;
    const agrees = seen?.samples === 4 && seen.agreement === 1 && seen.version === 1;
    return state === 'serving' && serving?.version === 2 && serving.live === null && agrees;
  });
  const meant = { recipe: int8, version: 3, make: identityOf, golden, limits: { agreement: 0.9 } };
  const other = await offerModel(t, station, meant);
  await station.publish('desired', other({ revision: 3, agreement: null }));
  await station.reported('version 3', ({ state, serving }) => {
    return state === 'serving' && serving?.version === 3 && serving.onGolden?.agreement === 0;
  });
  t.pass();
});

test('without such a limit the disagreement is only said', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  await serveFirst(t, station);
  const asking = ask(agent, 3);
  const second = await offerModel(t, station, { recipe: int8, version: 2, make: identityOf });
  await station.publish('desired', second({ revision: 2, soakSeconds: 4 }));
  await station.reported('version 2', ({ state, serving }) => {
    return state === 'serving' && serving?.version === 2 && serving.live?.agreement === 0;
  });
  await asking.stop();
  t.deepEqual(asking.refused, []);
});

test('a variant that fails in its soak gives way at once, without a network', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station);
  await serveFirst(t, station);
  const second = await offerModel(t, station, { recipe: int8, version: 2, make: fragileModel });
  await station.publish('desired', second({ revision: 2, soakSeconds: 600 }));
  await station.reported('it proves itself', ({ serving }) => serving?.version === 2);
  station.refuseConnections(true);
  station.dropConnections();
  await until('the one before answers', () => double(agent, [5, 5]).catch(() => null));
  t.deepEqual(await double(agent, [5, 5]), [10, 10]);
  station.refuseConnections(false);
  await failedWith(station, 'SOAK_FAILED');
  await station.event('SOAK_FAILED');
});

test('no memory for two: refused, with what is needed and what there is', async (t) => {
  const station = await startStation(t);
  const strict = await startOn(t, station, { memoryMiB: 16 });
  await serveFirst(t, station);
  const second = await offerModel(t, station, { recipe: int8, version: 2 });
  await station.publish('desired', second({ revision: 2 }));
  await failedWith(station, 'MEMORY_SHORT');
  t.deepEqual(await double(strict, [1, 2]), [2, 4]);
  t.regex((await station.event('MEMORY_SHORT')).message, /\d+ MiB needed, 0 MiB free/);
});

test('no memory for two, and downtime is allowed: the old one stops first', async (t) => {
  const station = await startStation(t);
  const agent = await startOn(t, station, { memoryMiB: 16, allowDowntime: true });
  await serveFirst(t, station);
  const second = await offerModel(t, station, { recipe: int8, version: 2 });
  await station.publish('desired', second({ revision: 2 }));
  await station.reported('version 2', ({ state, serving }) => {
    return state === 'serving' && serving?.version === 2;
  });
  t.deepEqual(await double(agent, [1, 2]), [2, 4]);
  t.regex((await station.event('MEMORY_SHORT')).message, /stopped first/);
});
