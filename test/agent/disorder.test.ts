/** Messages that come twice, late, or in another order than they were sent. */
import test from 'ava';
import type { Recipe } from '../../shared/compress/recipe.ts';
import { double, offerModel, startOn } from '../support/agent.ts';
import { startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const int8: Recipe = { v: 1, bits: 8 };

test('doubled and out of order: the newest goal is reached, every window counted', async (t) => {
  const station = await startStation(t);
  station.acknowledging = false;
  const agent = await startOn(t, station);
  const one = await offerModel(t, station);
  const two = await offerModel(t, station, { recipe: int8, version: 2 });
  const telemetrySeconds = 0.1;
  const revisions = [1, 3, 2, 3, 1, 3];
  for (const revision of revisions) {
    const offered = revision === 3 ? two : one;
    await station.publish('desired', offered({ revision, telemetrySeconds }));
  }
  await station.reported('version 2', ({ state, serving, revision }) => {
    return state === 'serving' && serving?.version === 2 && revision === 3;
  });
  const asked = 20;
  for (let at = 0; at < asked; at++) t.deepEqual(await double(agent, [at, 1]), [2 * at, 2]);
  const seen = new Map<number, number>();
  const look = () => {
    for (const { windows } of station.heard.telemetry) {
      for (const { seq, requests } of windows) seen.set(seq, requests);
    }
    return [...seen.values()].reduce((sum, requests) => sum + requests, 0);
  };
  const spool = (await until('telemetry', () => station.heard.telemetry[0])).spool;
  const ack = (seq: number, of = spool) =>
    station.publish('ack', { v: 1, telemetry: { spool: of, seq }, event: { spool: of, seq: 0 } });
  await until('all of it', async () => {
    const last = Math.max(0, ...station.heard.telemetry.map((one) => one.windows.at(-1)?.seq ?? 0));
    // Twice, an older one behind a newer one, and one of another spool.
    for (const seq of [last, last, Math.max(0, last - 3)]) await ack(seq);
    await ack(1_000_000, 'another');
    return look() >= asked;
  });
  t.is(look(), asked);
  t.deepEqual(
    [...seen.keys()].toSorted((a, b) => a - b),
    Array.from({ length: seen.size }, (_, at) => at + 1),
    'no gap',
  );
  const stale = station.heard.event.filter(({ code }) => code === 'REVISION_STALE');
  t.true(stale.length >= 1, 'older documents are refused, and that is said');
});
