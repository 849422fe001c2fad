/** The agent on arm64, compiled as devices run it, with a controller on this machine over MQTT. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { productRoot } from '../../shared/product.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { digits } from '../support/bad-files.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { classify, sampleDigit } from '../support/inference.ts';
import { push } from '../support/push.ts';
import { until } from '../support/until.ts';
import { type Machine, machineOrSkip } from './machine.ts';

const minutesMs = 60_000;
const device = 'board';
const tuningBudgetSeconds = 45;

test('a device of arm64 is profiled, tunes, serves and reports', async (t) => {
  t.timeout(20 * minutesMs);
  const machine = await machineOrSkip(t);
  if (!machine) return;
  const cli = await compiled(t);
  const fleet = await startTestController(t);
  await push(fleet.client, digits);
  const agent = await startAgent(t, { machine, cli, fleet });
  const rollout = { waves: [{ percent: 100 }], soakSeconds: 2, tuningBudgetSeconds };
  await fleet.client.call(RolloutRecord, '/api/v1/rollouts', {
    ...{ method: 'POST', body: { model: 'digits', version: 1, ...rollout } },
  });
  const serving = await seen(t, fleet, {
    what: 'it serves',
    holds: ({ reported }) => reported?.state === 'serving',
    agent,
  });
  assertProfile(t, serving);
  assertTuning(t, serving);
  t.is(await classify(serving.reported?.endpoint ?? ''), sampleDigit);
  await seen(t, fleet, {
    what: 'the request is counted',
    holds: ({ windows }) => windows.some(({ requests }) => requests > 0),
    agent,
  });
});

/** Compiled in a folder of the test, as `npm run build` does; answers the command line's path. */
async function compiled(t: ExecutionContext): Promise<string> {
  const folder = temporaryFolder(t);
  const root = productRoot();
  for (const beside of ['node_modules', 'package.json']) {
    symlinkSync(join(root, beside), join(folder, beside));
  }
  const build = [join(root, 'deploy', 'build.mjs'), join(folder, 'dist')];
  await promisify(execFile)(process.execPath, build, { timeout: 3 * minutesMs });
  return join(folder, 'dist', 'cli.js');
}

interface Agent {
  /** What it has logged. */
  log(): string;
}

async function startAgent(
  t: ExecutionContext,
  { machine, cli, fleet }: { machine: Machine; cli: string; fleet: TestController },
): Promise<Agent> {
  const token = await fleet.enrolmentToken();
  const options = ['--controller', fleet.controller.url, '--token', token, '--http-port', '0'];
  const child = machine.start([cli, 'agent', '--name', device, ...options]);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  t.teardown(async () => {
    const gone = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGTERM')) await gone;
  });
  return { log: () => text };
}

interface Wanted {
  readonly what: string;
  readonly agent: Agent;
  holds(detail: DeviceDetail): boolean;
}

async function seen(
  t: ExecutionContext,
  { client }: TestController,
  { what, holds, agent }: Wanted,
): Promise<DeviceDetail> {
  const look = async () => {
    const detail = await client.call(DeviceDetail, `/api/v1/devices/${device}`).catch(() => null);
    return detail && holds(detail) ? detail : null;
  };
  try {
    return await until(what, look, { timeoutMs: 15 * minutesMs, everyMs: 500 });
  } catch (thrown) {
    t.log(agent.log());
    throw thrown;
  }
}

function assertProfile(t: ExecutionContext, { profile }: DeviceDetail): void {
  t.is(profile?.os.arch, 'arm64');
  t.is(profile?.board, 'Raspberry Pi 5 Model B Rev 1.0');
  t.true(profile?.processor.features.includes('asimddp'));
  t.deepEqual(profile?.providers, ['cpu']);
  const { probes = null, missing = [] } = profile ?? {};
  t.log(probes ? `probes took ${probes.seconds} s` : JSON.stringify(missing));
}

function assertTuning(t: ExecutionContext, { tuning, reported }: DeviceDetail): void {
  t.is(tuning?.chosen?.variant, reported?.serving?.variant);
  const done = tuning?.trials.filter(({ state }) => state === 'done') ?? [];
  t.true(done.length > 0, 'trials ran');
  t.log(`${done.length} of ${tuning?.trials.length} trials; ${tuning?.chosen?.reason}`);
}
