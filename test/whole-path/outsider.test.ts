/** The product as somebody meets it who has its documents and Debian's Python, and nothing else. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { Telemetry } from '../../shared/protocol/messages.ts';
import { PersonAnswer } from '../../shared/protocol/people.ts';
import { Summary } from '../../shared/protocol/summary.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { absent } from '../support/programs.ts';
import { push } from '../support/push.ts';
import { writeTinyPackage } from '../support/tiny-package.ts';
import { until } from '../support/until.ts';

const script = join(import.meta.dirname, '..', 'support', 'outsider', 'outsider.py');
const model = 'tiny';

test('a Python client reads the API, asks an agent and watches the broker', async (t) => {
  t.timeout(5 * 60_000);
  const python = pythonOrSkip(t);
  if (python === null) return;
  const controllerOptions = ['--home-assistant', 'homeassistant', '--telemetry-seconds', '1'];
  const fleet = await startFleet({ folder: temporaryFolder(t), agents: 1, controllerOptions });
  t.teardown(() => fleet.stop());
  const { device, endpoint } = await serveTwoModels(t, fleet);
  const body = { name: 'outsider', role: 'viewer' };
  const options = { method: 'POST', body } as const;
  const { token } = await fleet.client.call(PersonAnswer, '/api/v1/tokens', options);
  const broker = `mqtt://127.0.0.1:${fleet.ports.broker}`;
  const given = { controller: fleet.client.url, token, broker, device, endpoint, model };
  const seen = await runPython(python, given);
  t.log(`paho-mqtt ${seen.paho}`);

  t.deepEqual(seen.devices, [device, 'bench-1', 'bench-2'].toSorted());
  const newestFirst = [2, 1].map((version) => [model, version]);
  t.deepEqual(seen.models, newestFirst);
  t.deepEqual(seen.again, { status: 304, bytes: 0 });
  t.like(seen.refusal, { status: 400, kind: 'application/problem+json' });
  t.like(seen.refusal.problem, { status: 400, code: 'BAD_ARGUMENT', retryable: false });
  t.is(seen.openapi.version, '3.1.0');
  t.true(seen.openapi.paths.includes('/api/v1/devices/{device}'));
  t.true(['device', 'reading'].includes(seen.event.name), seen.event.name);
  checkInference(t, seen.inference);
  t.like(seen.mqtt, { reason: 'accepted', wrongPassword: 'refused', presence: { online: true } });
  t.notThrows(() => v.parse(Telemetry, seen.mqtt.telemetry));
  t.is(v.parse(Summary, seen.mqtt.summary).device, device);
  t.like(seen.mqtt.discovered, { name: 'Throughput', device: { name: device } });
});

/** Debian's own: another Python on the path need not have its packages. */
function pythonOrSkip(t: ExecutionContext): string | null {
  const python = '/usr/bin/python3';
  const { status } = spawnSync(python, ['-c', 'import paho.mqtt.client'], { timeout: 60_000 });
  return status === 0 ? python : absent(t, 'python3-paho-mqtt');
}

const RolloutId = v.object({ id: v.string() });
const Devices = v.object({ items: v.array(DeviceSummary) });

/** One agent that serves the first of two versions, and two devices that were only enrolled. */
async function serveTwoModels(t: ExecutionContext, { client }: Fleet) {
  const folder = temporaryFolder(t);
  const { version } = await push(client, await writeTinyPackage(join(folder, 'one')));
  await push(client, await writeTinyPackage(join(folder, 'two'), { bias: 1 }));
  const post = { method: 'POST' } as const;
  const body = { model, version, soakSeconds: 1, tuningBudgetSeconds: 2 };
  await client.call(RolloutId, '/api/v1/rollouts', { ...post, body });
  const served = await until(
    'the agent serves',
    async () => {
      const { items } = await client.call(Devices, '/api/v1/devices');
      return items.find(({ reported }) => reported?.state === 'serving') ?? null;
    },
    { timeoutMs: 3 * 60_000, everyMs: 250 },
  );
  const Token = v.object({ token: v.string() });
  const asked = { ...post, body: { maxUses: 2 } };
  const { token } = await client.call(Token, '/api/v1/enrolment-tokens', asked);
  for (const device of ['bench-1', 'bench-2']) {
    await client.call(v.unknown(), '/api/v1/enrol', { ...post, body: { token, device } });
  }
  return { device: served.device, endpoint: served.reported?.endpoint ?? '' };
}

const Inference = v.looseObject({
  plain: v.looseObject({ status: v.number(), answer: v.unknown() }),
  binary: v.object({ bytes: v.number(), values: v.array(v.number()) }),
});
type Inference = v.InferOutput<typeof Inference>;

const Seen = v.object({
  paho: v.string(),
  devices: v.array(v.string()),
  models: v.array(v.tuple([v.string(), v.number()])),
  again: v.unknown(),
  refusal: v.looseObject({ problem: v.looseObject({}) }),
  openapi: v.object({ version: v.string(), paths: v.array(v.string()) }),
  event: v.looseObject({ name: v.string() }),
  inference: Inference,
  mqtt: v.looseObject({ telemetry: v.unknown(), summary: v.unknown(), discovered: v.unknown() }),
});

function runPython(python: string, given: object): Promise<v.InferOutput<typeof Seen>> {
  return new Promise((resolve, reject) => {
    const child = execFile(python, [script], { timeout: 2 * 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(v.parse(Seen, JSON.parse(stdout)));
    });
    child.stdin?.end(JSON.stringify(given));
  });
}

/** The model copies its first three features. */
function checkInference(t: ExecutionContext, inference: Inference): void {
  t.like(inference, { ready: 200, unknown: 404, extensions: ['binary_tensor_data'] });
  t.like(inference.metadata, {
    name: model,
    versions: ['1'],
    inputs: [{ name: 'x', datatype: 'FP32' }],
  });
  const { plain, binary } = inference;
  t.is(plain.status, 200);
  const [output] = v.parse(Outputs, plain.answer).outputs;
  t.like(plain.answer, { id: 'plain', model_name: model, model_version: '1' });
  t.is(output?.data.length, 3);
  t.is(binary.bytes, 12);
  t.deepEqual(binary.values, output?.data);
  // Whatever bits the device chose.
  for (const [at, value] of [0.25, 4, 0.5].entries()) {
    t.true(Math.abs((output?.data[at] ?? Number.NaN) - value) < 0.2, `${output?.data}`);
  }
}

const Outputs = v.object({ outputs: v.array(v.object({ data: v.array(v.number()) })) });
