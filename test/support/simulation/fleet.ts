/** A controller process and simulated agents of several hardware classes, all of them ticking. */

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { freePort } from '../../../commands/up/ports.ts';
import { createHttpClient, type HttpClient } from '../../../shared/http-client.ts';
import { createRandom } from '../../../shared/random.ts';
import { enrolDevice } from '../device.ts';
import { startFettle } from '../fettle.ts';
import { until } from '../until.ts';
import { type SimulatedAgent, startAgent } from './agent.ts';
import { type Behaviour, hardware } from './behaviour.ts';

export interface SimulatedFleet {
  readonly client: HttpClient;
  readonly agents: readonly SimulatedAgent[];
  act(rollout: string, action: string): Promise<void>;
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly seed: number;
  readonly agents: number;
  readonly folder: string;
  readonly behaviours: ReadonlyMap<number, Behaviour>;
}

const tickMs = 100;
/** On a machine that does much else. */
const [startMs, healthMs] = [240_000, 10_000];
/** Enrolments under way at once. */
const lanes = 20;

export async function startSimulatedFleet(options: FleetOptions): Promise<SimulatedFleet> {
  const { url, client, end } = await startController(join(options.folder, 'controller'));
  const Token = v.object({ token: v.string() });
  const body = { maxUses: options.agents };
  const path = '/api/v1/enrolment-tokens';
  const { token } = await client.call(Token, path, { method: 'POST', body });
  const classes = Object.keys(hardware);
  const agents: SimulatedAgent[] = [];
  const start = async (index: number) => {
    const hardwareClass = classes[index % classes.length] ?? 'x64-avx2';
    const name = `${hardwareClass}-${String(index).padStart(3, '0')}`;
    const enrolment = await enrolDevice({ url, token, name });
    const random = createRandom(options.seed * 1000 + index);
    const { behaviours } = options;
    agents.push(await startAgent({ url, name, hardwareClass, enrolment, random, behaviours }));
  };
  const indices = Array.from({ length: options.agents }, (_, index) => index);
  for (let at = 0; at < indices.length; at += lanes) {
    await Promise.all(indices.slice(at, at + lanes).map(start));
  }
  const stopped = new AbortController();
  const running = ticking(agents, stopped.signal);
  return {
    client,
    agents,
    async act(rollout, action) {
      await client.call(v.unknown(), `/api/v1/rollouts/${rollout}/${action}`, { method: 'POST' });
    },
    async stop() {
      stopped.abort();
      await running;
      await Promise.all(agents.map(({ device }) => device.end()));
      await end();
    },
  };
}

async function ticking(agents: readonly SimulatedAgent[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const nowMs = performance.now();
    // What can't be sent now is sent again by the next tick or is no longer true then.
    await Promise.all(agents.map((agent) => agent.tick(nowMs).catch(() => {})));
    await pause(tickMs, undefined, { signal }).catch(() => {});
  }
}

async function startController(folder: string) {
  const port = await freePort(0, new Set());
  const brokerPort = await freePort(0, new Set([port]));
  const url = `http://127.0.0.1:${port}`;
  const options = {
    ...{ '--data': folder, '--port': port, '--broker-port': brokerPort, '--telemetry-seconds': 1 },
  };
  const args = Object.entries(options).flatMap(([flag, value]) => [flag, String(value)]);
  const child = startFettle(['controller', ...args], {
    ...{ home: folder, cwd: '/' },
    // Telemetry on its way when agents end is complained about.
    env: { FETTLE_LOG: 'error' },
  });
  child.stderr?.pipe(process.stderr);
  const path = join(folder, 'secrets', 'admin-token');
  const client = () => createHttpClient({ url, token: readFileSync(path, 'utf8').trim() });
  await until(
    'the controller',
    async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      if (!existsSync(path)) return false;
      return await client()
        .call(v.unknown(), '/health', { timeoutMs: healthMs })
        .then(
          () => true,
          () => false,
        );
    },
    { timeoutMs: startMs },
  );
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
  return { url, client: client(), end };
}
