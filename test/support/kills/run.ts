/**
 * Kills processes of a working fleet at random moments, as a power cut would, and sees that it
 * comes back to what it should be.
 *
 * Goal: after every kill each device serves what it should, right answers only, from whole files;
 * in the end no request was counted twice. Method: a seed decides whom to kill and when; every
 * other kill happens while a new version of the model is being tuned and rolled out.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { controllerFolder } from '../../../commands/up/processes.ts';
import { DeviceSummary } from '../../../shared/protocol/api.ts';
import { createRandom } from '../../../shared/random.ts';
import { type Fleet, startFleet } from '../fleet.ts';
import { until } from '../until.ts';
import { type Counted, checkDigests, countedRequests } from './checks.ts';
import { descendantsOf } from './processes.ts';
import { release } from './release.ts';
import { type Count, startTraffic } from './traffic.ts';

export interface KillOptions {
  readonly seed: number;
  readonly kills: number;
  readonly agents: number;
  /** Empty; for state, logs and the packages. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

export interface KillReport {
  /** How often what was killed. */
  readonly killed: Readonly<Record<string, number>>;
  readonly versions: number;
  readonly traffic: ReadonlyMap<string, Count>;
  readonly counted: readonly Counted[];
  readonly filesChecked: number;
  readonly broken: readonly string[];
}

const convergeTimeoutMs = 4 * 60_000;
/** Longest wait before a kill, so that it falls anywhere into what goes on. */
const momentMs = 3000;

export async function runKills(options: KillOptions): Promise<KillReport> {
  const { folder, agents, kills, say } = options;
  const random = createRandom(options.seed);
  const fleet = await startFleet({ folder: join(folder, 'state'), agents });
  const killed: Record<string, number> = {};
  let version = await release(fleet, folder, 1);
  let filesChecked = 0;
  const broken: string[] = [];
  try {
    const endpoints = await converged(fleet, version);
    const traffic = startTraffic(endpoints);
    for (let kill = 1; kill <= kills; kill += 1) {
      const target = pick(random, [...fleet.names, 'trial', 'trial']);
      if (target === 'trial' || random() < 0.4) {
        version = await release(fleet, folder, version + 1);
      }
      await pause(random() * momentMs);
      const what = await killTarget(fleet, target, random);
      killed[what] = (killed[what] ?? 0) + 1;
      say(`${kill}/${kills}: killed ${what}, version ${version}`);
      await traffic.mustAnswer(await converged(fleet, version));
      const checked = await checkDigests(folder);
      filesChecked += checked.files;
      broken.push(...checked.broken);
    }
    await traffic.stop();
    await spooled(fleet, traffic.counts);
    await fleet.stop();
    const counted = countedRequests(controllerFolder(join(folder, 'state')));
    return { killed, versions: version, traffic: traffic.counts, counted, filesChecked, broken };
  } finally {
    await fleet.stop();
  }
}

/** A trial is killed as soon as one runs. Returns what was killed. */
async function killTarget(fleet: Fleet, target: string, random: () => number): Promise<string> {
  if (target === 'trial') {
    const agents = fleet.shapes.flatMap(({ name }) => fleet.pid(name) ?? []);
    const trials = await until(
      'a trial',
      () => {
        const running = descendantsOf(agents, 'trial-child');
        return running.length > 0 ? running : null;
      },
      { timeoutMs: convergeTimeoutMs, everyMs: 20 },
    );
    process.kill(pick(random, trials), 'SIGKILL');
    return 'trial';
  }
  await fleet.kill(target);
  fleet.start(target);
  return target === 'controller' ? 'controller' : 'agent';
}

/** The endpoints, once every device serves what it should and says so. */
async function converged(fleet: Fleet, version: number): Promise<Map<string, string>> {
  let last = '';
  const look = async () => {
    const Page = v.object({ items: v.array(DeviceSummary) });
    const page = await fleet.client.call(Page, '/api/v1/devices').catch(() => null);
    const devices = page?.items ?? [];
    last = JSON.stringify(devices.map(({ online, reported }) => [online, reported]));
    const endpoints = devices.flatMap(({ device, online, reported, desiredRevision }) => {
      const current = reported?.revision === desiredRevision && reported.state === 'serving';
      const right = online && current && reported.serving?.version === version;
      return right && reported.endpoint ? [[device, reported.endpoint] as const] : [];
    });
    return endpoints.length === fleet.shapes.length ? new Map(endpoints) : null;
  };
  try {
    const timing = { timeoutMs: convergeTimeoutMs, everyMs: 200 };
    return await until(`version ${version} on every device`, look, timing);
  } catch (thrown) {
    throw new Error(`the fleet did not converge: ${last}`, { cause: thrown });
  }
}

/** Waits until a window that began after the traffic ended has arrived of every device. */
async function spooled(fleet: Fleet, counts: ReadonlyMap<string, Count>): Promise<void> {
  const endedMs = Date.now();
  const Detail = v.object({ windows: v.array(v.object({ start: v.string() })) });
  for (const device of counts.keys()) {
    await until(`the last telemetry of ${device}`, async () => {
      const { windows } = await fleet.client.call(Detail, `/api/v1/devices/${device}`);
      return windows.some(({ start }) => Date.parse(start) > endedMs);
    });
  }
}

function pick<T>(random: () => number, from: readonly T[]): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
}
