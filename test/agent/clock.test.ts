/** A clock that is wrong by years, as of a device without a battery that has just started. */
import test from 'ava';
import type { Recipe } from '../../shared/compress/recipe.ts';
import { double, offerModel, startOn } from '../support/agent.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const int8: Recipe = { v: 1, bits: 8 };
const tenYearsMs = 10 * 365 * 86_400_000;
let offsetMs = 0;

/** Of this process: the agent in it has no other clock. */
const RealDate = Date;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) =>
    Reflect.construct(target, args.length > 0 ? args : [target.now() + offsetMs]),
  get: (target, name) =>
    name === 'now' ? () => target.now() + offsetMs : Reflect.get(target, name),
});

for (const years of [10, -10]) {
  test.serial(
    `a clock that jumps by ${years} years: nothing is lost, and updates go on`,
    async (t) => {
      offsetMs = 0;
      const station = await startStation(t);
      const dataFolder = temporaryFolder(t);
      const first = await startOn(t, station, { dataFolder });
      const one = await offerModel(t, station);
      await station.publish('desired', one({ revision: 1, telemetrySeconds: 0.1 }));
      await station.reported('version 1', ({ state }) => state === 'serving');
      station.refuseConnections(true);
      station.dropConnections();
      await until('offline', () => station.heard.presence.at(-1)?.online === false);
      for (let at = 0; at < 5; at++) await double(first, [at, 1]);
      const windows = () => station.heard.telemetry.flatMap((batch) => batch.windows);
      offsetMs = Math.sign(years) * tenYearsMs;
      for (let at = 0; at < 5; at++) await double(first, [at, 1]);
      await first.stop();
      const second = await startOn(t, station, { dataFolder });
      await until('it serves', () => double(second, [1, 1]).catch(() => null));
      offsetMs = 0;
      station.refuseConnections(false);
      station.withdraw();
      const two = await offerModel(t, station, { recipe: int8, version: 2 });
      await station.publish('desired', two({ revision: 2, telemetrySeconds: 0.1 }));
      await station.reported('version 2', ({ state, serving }) => {
        return state === 'serving' && serving?.version === 2;
      });
      const counted = () => new Map(windows().map(({ seq, requests }) => [seq, requests]));
      await until('all requests', () => {
        return [...counted().values()].reduce((sum, requests) => sum + requests, 0) === 11;
      });
      t.deepEqual(
        [...counted().keys()].toSorted((a, b) => a - b),
        Array.from({ length: counted().size }, (_, at) => at + 1),
        'no gap',
      );
      t.true(station.heard.telemetry.every(({ dropped }) => dropped === 0));
    },
  );
}
