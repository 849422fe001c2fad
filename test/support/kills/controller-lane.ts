/**
 * A controller whose devices serve version 1 and which is to roll version 2 out to them, again and
 * again from the same state: what happens on the way is what may be cut. The last device fails, so
 * that the rollout is rolled back by itself; and each wave is approved of by a person who asks
 * again when nobody answers.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { freePort } from '../../../commands/up/ports.ts';
import { createHttpClient, type HttpClient } from '../../../shared/http-client.ts';
import { productRoot } from '../../../shared/product.ts';
import type { EnrolAnswer } from '../../../shared/protocol/api.ts';
import { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { connectDevice, enrolDevice, type SimulatedDevice } from '../device.ts';
import type { Owner } from '../owner.ts';
import { push } from '../push.ts';
import { writeTinyPackage } from '../tiny-package.ts';
import { until } from '../until.ts';
import type { CutResult, Lane } from './lane.ts';
import type { PointsOrder } from './order.ts';

const timeoutMs = 60_000;
const points = pathToFileURL(join(import.meta.dirname, 'points.ts')).href;
const names = ['a1', 'a2', 'b1', 'b2'] as const;
/** The last one of the second class: it gets the model when all others have it. */
const failing = 'b2';
/** Only calls that the rollouts led to. */
const where = {
  parts: '^(controller|shared)/',
  through: '^controller/(rollouts?[./]|dispatch\\.|goals\\.|store/rollouts)',
};

interface Place {
  readonly folder: string;
  readonly url: string;
  readonly ports: readonly number[];
}

export async function openControllerLane(t: Owner): Promise<Lane> {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-controller-lane-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const port = await freePort(0, new Set());
  const ports = [port, await freePort(0, new Set([port]))];
  const place = { folder, ports, url: `http://127.0.0.1:${port}` };
  const template = join(folder, 'template');
  const enrolments = await prepare(place, template);
  let runs = 0;
  const run = async (order: PointsOrder): Promise<CutResult> => {
    runs += 1;
    const data = join(folder, `run-${runs}`);
    cpSync(template, data, { recursive: true });
    const result = await play(place, { data, order, enrolments });
    if (result.faults.length === 0) rmSync(data, { recursive: true, force: true });
    return result;
  };
  return {
    async record() {
      const path = join(folder, 'points.json');
      const { faults } = await run({ kind: 'record', path, ...where });
      if (faults.length > 0) throw new Error(`without a fault: ${faults}`);
      const text = readFileSync(path, 'utf8');
      return v.parse(v.array(v.tuple([v.string(), v.number()])), JSON.parse(text));
    },
    cut: (order) => run({ ...order, ...where }),
  };
}

/** Devices that serve version 1, and version 2 measured and ready. */
async function prepare(place: Place, data: string): Promise<Map<string, EnrolAnswer>> {
  const controller = startController(place, data, null);
  const client = await clientOf(place, data);
  const Token = v.object({ token: v.string() });
  const body = { maxUses: names.length };
  const path = '/api/v1/enrolment-tokens';
  const { token } = await client.call(Token, path, { method: 'POST', body });
  const enrolments = new Map<string, EnrolAnswer>();
  const devices: SimulatedDevice[] = [];
  for (const name of names) {
    const options = { url: place.url, token, name, hardwareClass: name.slice(0, 1) };
    const enrolment = await enrolDevice(options);
    enrolments.set(name, enrolment);
    devices.push(await connectDevice(options, enrolment));
  }
  for (const version of [1, 2]) {
    const package_ = await writeTinyPackage(join(place.folder, `v${version}`), { bias: version });
    await push(client, package_);
    if (version === 1) await startRollout(client, { version, waves: [{ percent: 100 }] });
  }
  await Promise.all(devices.map((device) => device.goal(1)));
  await until('version 1 everywhere', async () => (await rolloutOf(client, 1))?.endedAt, {
    timeoutMs,
  });
  for (const device of devices) await device.end();
  await controller.stop();
  return enrolments;
}

interface Playing {
  readonly data: string;
  readonly order: PointsOrder;
  readonly enrolments: ReadonlyMap<string, EnrolAnswer>;
}

async function play(place: Place, { data, order, enrolments }: Playing): Promise<CutResult> {
  let controller = startController(place, data, order);
  let died = false;
  controller.child.once('exit', (_, signal) => {
    if (signal !== 'SIGKILL') return;
    died = true;
    controller = startController(place, data, null);
  });
  const devices: SimulatedDevice[] = [];
  const faults: string[] = [];
  try {
    const client = await clientOf(place, data);
    for (const [name, enrolment] of enrolments) {
      const behaviour = 'manual' as const;
      const options = { url: place.url, token: '', name, behaviour, seq: 1000 };
      const hardwareClass = name.slice(0, 1);
      // The controller, and its broker with it, may be cut at this very moment.
      const connect = () => connectDevice({ ...options, hardwareClass }, enrolment);
      devices.push(await until(name, () => connect().catch(() => null), { timeoutMs }));
    }
    const answered = new Map<string, number>();
    await until(
      'the rollout to be rolled back',
      async () => {
        for (const device of devices) await answer(device, answered).catch(() => {});
        return await person(client).catch(() => false);
      },
      { timeoutMs, everyMs: 30 },
    );
    await until('everybody to be back', () => areBack(client, devices).catch(() => false), {
      timeoutMs,
      everyMs: 100,
    });
    faults.push(...(await faultsOf(client, devices)));
  } catch (thrown) {
    faults.push(String(thrown));
  } finally {
    for (const device of devices) await device.end();
    const how = await controller.stop();
    if (how !== '0') faults.push(`the controller ended with ${how}`);
  }
  return { died, faults };
}

/** A device does what it is told at once; one of them can't have version 2. */
async function answer(device: SimulatedDevice, answered: Map<string, number>): Promise<void> {
  const goal = device.desired.at(-1);
  if (!goal || answered.get(device.name) === goal.revision) return;
  const fails = device.name === failing && goal.model?.version === 2;
  await device.report(fails ? 'failed' : 'serving');
  answered.set(device.name, goal.revision);
}

/** Starts the rollout where there is none, approves of what waits for it; true when it is over. */
async function person(client: HttpClient): Promise<boolean> {
  const rollout = await rolloutOf(client, 2);
  if (!rollout) {
    const waves = [{ count: 1 }, { percent: 100, approval: true }];
    await startRollout(client, { version: 2, waves, onBreach: 'rollback' });
    return false;
  }
  if (rollout.waitsFor === 'approval') await act(client, rollout.id, 'approve');
  return rollout.state === 'rolled back';
}

/**
 * Who was given version 2 has got version 1 back; who waited, as the device that failed was the
 * scout of its class, was told nothing.
 */
async function areBack(client: HttpClient, devices: readonly SimulatedDevice[]): Promise<boolean> {
  const members = (await rolloutOf(client, 2))?.members ?? [];
  return devices.every((device) => {
    const member = members.find((one) => one.device === device.name);
    return toldOf(device) === (member?.state === 'waiting' ? '1:1' : '1:1 2:2 3:1');
  });
}

/** `revision:version` of every goal, in the order in which they came. */
function toldOf({ desired }: SimulatedDevice): string {
  return desired.map(({ revision, model }) => `${revision}:${model?.version}`).join(' ');
}

/** What must hold in the end, whatever was cut. */
async function faultsOf(client: HttpClient, devices: readonly SimulatedDevice[]) {
  const faults: string[] = [];
  const all = await rollouts(client);
  const second = all.filter(({ version }) => version === 2);
  if (second.length !== 1) faults.push(`${second.length} rollouts of version 2`);
  if (!/b2: serving it: it crashed/.test(second[0]?.reason ?? '')) {
    faults.push(`names no cause: ${second[0]?.reason}`);
  }
  for (const device of devices.filter(({ name }) => name === failing || name === 'a1')) {
    const told = toldOf(device);
    if (told !== '1:1 2:2 3:1') faults.push(`${device.name} was told ${told}`);
  }
  return faults;
}

async function rollouts(client: HttpClient): Promise<RolloutRecord[]> {
  const Page = v.object({ items: v.array(RolloutRecord) });
  return (await client.call(Page, '/api/v1/rollouts', { timeoutMs: 5000 })).items;
}

async function rolloutOf(client: HttpClient, version: number) {
  return (await rollouts(client)).find((rollout) => rollout.version === version);
}

async function startRollout(client: HttpClient, terms: object): Promise<void> {
  const body = { model: 'tiny', soakSeconds: 0, ...terms };
  await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body, timeoutMs: 5000 });
}

async function act(client: HttpClient, id: string, action: string): Promise<void> {
  const path = `/api/v1/rollouts/${id}/${action}`;
  await client.call(RolloutRecord, path, { method: 'POST', timeoutMs: 5000 });
}

async function clientOf({ url }: Place, data: string): Promise<HttpClient> {
  const path = join(data, 'secrets', 'admin-token');
  const look = async () => {
    const client = createHttpClient({ url, token: readFileSync(path, 'utf8').trim() });
    await client.call(v.unknown(), '/health', { timeoutMs: 2000 });
    return client;
  };
  return await until('the controller', () => look().catch(() => null), {
    ...{ timeoutMs, everyMs: 50 },
  });
}

interface Running {
  readonly child: ChildProcess;
  /** In good order; the signal or the exit code. */
  stop(): Promise<string>;
}

function startController({ ports }: Place, data: string, order: PointsOrder | null): Running {
  const [port, brokerPort] = ports;
  const preload = order === null ? [] : ['--import', points];
  const options = ['--data', data, '--port', String(port), '--broker-port', String(brokerPort)];
  const log = openSync(`${data}.log`, 'a');
  const cli = join(productRoot(), 'cli.ts');
  const child = spawn(process.execPath, [...preload, cli, 'controller', ...options], {
    stdio: ['ignore', 'ignore', log],
    env: {
      ...process.env,
      FETTLE_LOG: 'error',
      ...(order && { FETTLE_POINTS: JSON.stringify(order) }),
    },
  });
  closeSync(log);
  const ended = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
  return {
    child,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
