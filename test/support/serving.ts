/** A model served over HTTP, as an agent serves it. */
import type { ExecutionContext } from 'ava';
import { openJournal } from '../../agent/journal.ts';
import { openHttp } from '../../agent/serve/http.ts';
import { metricsText } from '../../agent/serve/metrics.ts';
import { openPool, type PoolLimits, poolLimits } from '../../agent/serve/pool.ts';
import { openRisk } from '../../agent/serve/risk.ts';
import { createServer, type Server } from '../../agent/serve/server.ts';
import { openStore } from '../../agent/store.ts';
import { createMeter, type Meter } from '../../agent/telemetry/meter.ts';
import { openSpool } from '../../agent/telemetry/spool.ts';
import { sourceRecipe } from '../../shared/compress/recipe.ts';
import { digestOf } from '../../shared/digest.ts';
import type { Serving } from '../../shared/protocol/messages.ts';
import { temporaryFolder } from './fettle.ts';
import { plan } from './trials/figures.ts';

export interface Served {
  readonly url: string;
  readonly server: Server;
  readonly meter: Meter;
  /** Another model takes over, as a new version. */
  switchTo(path: string, version: number): Promise<void>;
}

/** As of a device that can measure everything. */
const readings = {
  ...{ queue: 2, batch: 1.5, frequencyMHz: 1500, throttled: false, powerW: 4.5 },
  ...{ diskFreeMiB: 100, inputDrift: 0, outputDrift: 0.1, temperatureC: 50 },
} as const;

export const servedName = 'model';
export const bodyBytesMax = 1 << 20;

export interface ServeOptions {
  readonly instances?: number;
  readonly limits?: Partial<PoolLimits>;
}

export async function serve(
  t: ExecutionContext,
  path: string,
  { instances = 1, limits = {} }: ServeOptions = {},
): Promise<Served> {
  const folder = temporaryFolder(t);
  const store = openStore(folder);
  const journal = openJournal(store, (text) => t.fail(text));
  const meter = createMeter();
  const spool = openSpool(store, journal);
  const server = createServer({ meter, risk: openRisk(folder, journal) });
  const switchTo = async (next: string, version: number) => {
    const spec = { path: next, plan: plan(1, instances) };
    const pool = await openPool(spec, { limits: { ...poolLimits, ...limits } });
    await server.switchTo({ key: digestOf(next), serving: servingOf(version, instances), pool });
  };
  await switchTo(path, 1);
  const http = await openHttp({
    ...{ host: '127.0.0.1', port: 0, server, version: '0', bodyBytesMax, report: () => null },
    connection: () => null,
    spans: null,
    metrics: () => metricsText({ meter, spool, server, report: null, readings }),
  });
  t.teardown(async () => {
    await http.close(5000);
    await server.retire();
    store.close();
  });
  return { url: http.url, server, meter, switchTo };
}

function servingOf(version: number, instances: number): Serving {
  return {
    ...{ model: servedName, version, recipe: sourceRecipe, recipeName: 'source' },
    ...{ variant: digestOf(`variant ${version}`), bytes: 1000, sourceBytes: 1000 },
    plan: { provider: 'cpu', threads: 1, instances, batch: 1, stages: 1 },
    ...{ quality: null, latencyMsP50: 1, reason: 'a "test"', since: '2026-01-01T00:00:00.000Z' },
  };
}
