/** Disks that take nothing any more. */
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Log } from '../../agent/log.ts';
import type { Recipe } from '../../shared/compress/recipe.ts';
import { double, offerModel, startOn } from '../support/agent.ts';
import { startStation } from '../support/station/station.ts';
import { tmpfsOrSkip } from '../support/tmpfs.ts';
import { until } from '../support/until.ts';

const int8: Recipe = { v: 1, bits: 8 };
/** More than the room that an agent leaves to others. */
const mebibytes = 64;

/** Fills it to the last page. */
function fill(folder: string, path: string): void {
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(path, Buffer.alloc(bavail * bsize));
  } catch {
    // What fitted is written.
  }
}

test.serial(
  'a full disk: what serves goes on, the rest is said, and done when there is room',
  async (t) => {
    const dataFolder = tmpfsOrSkip(t, mebibytes);
    if (dataFolder === null) return;
    const station = await startStation(t);
    const agent = await startOn(t, station, { dataFolder });
    const first = await offerModel(t, station);
    await station.publish('desired', first({ revision: 1, telemetrySeconds: 0.2 }));
    await station.reported('version 1', ({ state }) => state === 'serving');
    const filler = join(dataFolder, 'filler');
    fill(dataFolder, filler);
    station.withdraw();
    const second = await offerModel(t, station, { recipe: int8, version: 2 });
    await station.publish('desired', second({ revision: 2, telemetrySeconds: 0.2 }));
    const codes = ['STATE_UNWRITABLE', 'DISK_FULL'];
    await until('it is said', () => {
      const { event, reported } = station.heard;
      return (
        event.some(({ code }) => codes.includes(code)) ||
        reported.some(({ error }) => codes.includes(error?.code ?? ''))
      );
    });
    const asked = 10;
    for (let at = 0; at < asked; at++) t.deepEqual(await double(agent, [at, 1]), [2 * at, 2]);
    rmSync(filler);
    await station.reported('version 2', ({ state, serving }) => {
      return state === 'serving' && serving?.version === 2;
    });
    t.deepEqual(await double(agent, [1, 2]), [2, 4]);
    await until('what was counted meanwhile', () => {
      const windows = new Map(
        station.heard.telemetry.flatMap((one) => one.windows).map((one) => [one.seq, one.requests]),
      );
      return [...windows.values()].reduce((sum, requests) => sum + requests, 0) === asked + 1;
    });
  },
);

test.serial('a read-only disk is one error with its code, and nothing is lost by it', async (t) => {
  const dataFolder = tmpfsOrSkip(t, mebibytes);
  if (dataFolder === null) return;
  const station = await startStation(t);
  const first = await startOn(t, station, { dataFolder });
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('version 1', ({ state }) => state === 'serving');
  await first.stop();
  execFileSync('mount', ['-o', 'remount,ro', dataFolder], { stdio: 'pipe' });
  await t.throwsAsync(startOn(t, station, { dataFolder }), { code: 'STATE_UNWRITABLE' });
  execFileSync('mount', ['-o', 'remount,rw', dataFolder], { stdio: 'pipe' });
  const again = await startOn(t, station, { dataFolder });
  await until('an answer', () => double(again, [4, 5]).catch(() => null));
  t.is(station.heard.tuning.length, 1);
});

test.serial('a disk that is full when the device is first profiled stops no model', async (t) => {
  const dataFolder = tmpfsOrSkip(t, mebibytes);
  if (dataFolder === null) return;
  const station = await startStation(t);
  let refused = false;
  const log: Log = (_, message) => {
    refused ||= message.includes('agent.db: cannot be written');
  };
  const agent = await startOn(t, station, { dataFolder, log, profiles: true });
  const filler = join(dataFolder, 'filler');
  fill(dataFolder, filler);
  await until('the disk takes no profile', () => refused, { timeoutMs: 120_000 });
  rmSync(filler);
  const desired = await offerModel(t, station);
  await station.publish('desired', desired({ revision: 1 }));
  await station.reported('version 1', ({ state }) => state === 'serving');
  t.deepEqual(await double(agent, [1, 2]), [2, 4]);
});
