/** A controller process and simulated agents of several hardware classes, all of them ticking. */

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { freePort } from '../../../commands/up/ports.ts';
import { createHttpClient, type HttpClient } from '../../../shared/http-client.ts';
import type { EnrolAnswer } from '../../../shared/protocol/api.ts';
import { createRandom } from '../../../shared/random.ts';
import { enrolDevice } from '../device.ts';
import { fettle, type Run, startFettle } from '../fettle.ts';
import { until } from '../until.ts';
import { type SimulatedAgent, startAgent } from './agent.ts';
import { type Behaviour, hardware } from './behaviour.ts';

export interface SimulatedFleet {
  readonly url: string;
  readonly client: HttpClient;
  readonly folder: string;
  /** With which its agents have enrolled. */
  readonly token: string;
  readonly agents: readonly SimulatedAgent[];
  /** Enrols an agent, unless it is enrolled already, and lets it live. */
  add(joining: Joining): Promise<SimulatedAgent>;
  newToken(): Promise<string>;
  /** A command of the owner, as a process of its own. */
  run(...words: readonly string[]): Promise<Run>;
  act(rollout: string, action: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Joining {
  readonly name: string;
  readonly hardwareClass: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly quiet?: boolean;
  readonly enrolment?: EnrolAnswer;
}

export interface FleetOptions {
  readonly seed: number;
  /** At most so many enrol. */
  readonly agents: number;
  /** Empty; for the controller's state and the packages. */
  readonly folder: string;
  readonly behaviours: ReadonlyMap<number, Behaviour>;
}

const tickMs = 100;
/** On a machine that does much else. */
const [startMs, healthMs, commandMs] = [240_000, 10_000, 300_000];
const Token = v.object({ token: v.string() });
/** Enrolments under way at once. */
const lanes = 20;

/** A controller, and nobody else yet. */
export async function startSimulatedFleet(options: FleetOptions): Promise<SimulatedFleet> {
  const { seed, behaviours, folder } = options;
  const { url, client, adminToken, end } = await startController(join(folder, 'controller'));
  const newToken = async (maxUses = 1) => {
    const asked = { method: 'POST', body: { maxUses } } as const;
    return (await client.call(Token, '/api/v1/enrolment-tokens', asked)).token;
  };
  const token = await newToken(options.agents);
  const agents: SimulatedAgent[] = [];
  const stopped = new AbortController();
  let joined = 0;
  return {
    ...{ url, client, folder, token, agents, newToken: () => newToken() },
    async add({ name, hardwareClass, labels = {}, quiet = false, enrolment }) {
      const random = createRandom(seed * 1000 + joined);
      joined += 1;
      const known = enrolment ?? (await enrolDevice({ url, token, name, labels }));
      const given = { url, name, hardwareClass, random, behaviours, quiet, enrolment: known };
      const agent = await startAgent(given);
      agents.push(agent);
      ticking(agent, stopped.signal);
      return agent;
    },
    run(...words) {
      const whom = ['--controller', url, '--token', adminToken];
      return fettle([...words, ...whom], { home: folder, timeoutMs: commandMs });
    },
    async act(rollout, action) {
      await client.call(v.unknown(), `/api/v1/rollouts/${rollout}/${action}`, { method: 'POST' });
    },
    async stop() {
      stopped.abort();
      await Promise.all(agents.map(({ device }) => device.end()));
      await end();
    },
  };
}

/** As many agents as it may have, of each hardware class in turn. */
export async function fill(fleet: SimulatedFleet, count: number): Promise<void> {
  const joining = Array.from({ length: count }, (_, index) => {
    const hardwareClass = classAt(index);
    return { name: `${hardwareClass}-${String(index).padStart(3, '0')}`, hardwareClass };
  });
  for (let at = 0; at < joining.length; at += lanes) {
    await Promise.all(joining.slice(at, at + lanes).map((one) => fleet.add(one)));
  }
}

export function classAt(index: number): string {
  const classes = Object.keys(hardware);
  return classes[index % classes.length] ?? 'x64-avx2';
}

/** Each by itself: one that is cut off waits in the middle of a word. */
async function ticking(agent: SimulatedAgent, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // What can't be sent now is sent again by the next tick or is no longer true then.
    await agent.tick(performance.now()).catch(() => {});
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
  const adminToken = () => readFileSync(path, 'utf8').trim();
  const client = () => createHttpClient({ url, token: adminToken() });
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  };
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
  ).catch(async (thrown) => {
    await end();
    throw thrown;
  });
  return { url, client: client(), adminToken: adminToken(), end };
}
