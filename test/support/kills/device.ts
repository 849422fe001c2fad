/** One agent as a process of its own, at a station, that may be told to die at a point. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { productRoot } from '../../../shared/product.ts';
import { enrolmentToken } from '../station/http.ts';
import { device, type Station } from '../station/station.ts';
import type { PointsOrder } from './order.ts';

export interface KilledDevice {
  /** The signal or the exit code, once it has ended. */
  readonly ended: Promise<string>;
  /** In good order. */
  stop(): Promise<string>;
}

const points = pathToFileURL(join(import.meta.dirname, 'points.ts')).href;
const cli = join(productRoot(), 'cli.ts');

export function startDevice(
  station: Station,
  dataFolder: string,
  order: PointsOrder | null,
): KilledDevice {
  const agent = ['agent', '--name', device, '--data', dataFolder, '--controller', station.url];
  const preload = order === null ? [] : ['--import', points];
  const log = openSync(`${dataFolder}.log`, 'a');
  const args = [...preload, cli, ...agent, '--token', enrolmentToken, '--http-port', '0'];
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', log],
    env: { ...process.env, ...(order && { FETTLE_POINTS: JSON.stringify(order) }) },
  });
  closeSync(log);
  const ended = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
  return {
    ended,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
