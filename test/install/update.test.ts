/**
 * An agent that replaces itself, in a rollout like a model's: what is good is taken, what crashes
 * or never becomes healthy is put aside by the device alone.
 */
import { readlinkSync } from 'node:fs';
import test from 'ava';
import * as v from 'valibot';
import { agentModel } from '../../shared/protocol/agent-model.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { kinds, pushRelease } from '../support/install/bundles.ts';
import { deviceOrSkip, type InstalledDevice } from '../support/install/device.ts';
import { until } from '../support/until.ts';

const patient = { timeoutMs: 240_000, everyMs: 200 };
const path = '/api/v1/devices/pi';
const Why = v.object({ sentence: v.string() });

test('a release is rolled out; what crashes and what hangs is put aside', async (t) => {
  t.timeout(400_000);
  const device = await deviceOrSkip(t);
  if (!device) return;
  const fleet = await startTestController(t);
  const folder = temporaryFolder(t);
  await pushRelease(fleet, folder, { version: '1.0.0' });
  const args = ['--token', await fleet.enrolmentToken(), '--name', 'pi'];
  const { url } = fleet.controller;
  const installed = await device.install(url, ...args, '--http-port', String(device.port));
  t.is(installed.code, 0, installed.text + device.log());
  await seen(fleet, device, (detail) => detail.profile !== null);

  await pushRelease(fleet, folder, { version: '1.1.0' });
  await ends(fleet, device, {
    ...(await rollout(fleet, { model: agentModel })),
    state: 'succeeded',
  });
  t.regex(readlinkSync(`${device.versions}/current`), /^1\.1\.0-/);
  await answers(fleet, device);

  await pushRelease(fleet, folder, { version: '1.2.0', before: kinds.crashes });
  const crashing = await rollout(fleet, { model: agentModel, onBreach: 'rollback' });
  const stopped = await ends(fleet, device, { ...crashing, state: 'rolled back' });
  t.regex(stopped.reason, /1\.2\.0-\w+: it ended 3 times before it was healthy/);
  await answers(fleet, device);

  await pushRelease(fleet, folder, { version: '1.3.0', before: kinds.hangs });
  const terms = { model: agentModel, timeoutSeconds: 20 };
  await ends(fleet, device, { ...(await rollout(fleet, terms)), state: 'paused' });
  const { events } = await seen(
    fleet,
    device,
    ({ reported }) => reported?.agent?.state === 'failed',
  );
  t.true(
    events.some(({ code, message }) => code === 'AGENT_REFUSED' && /within 10 s/.test(message)),
  );
  const { sentence } = await fleet.client.call(Why, `${path}/why`);
  t.regex(sentence, /has not got the agent 1\.3\.0: agent .*: it was not healthy within 10 s/);
  t.regex(readlinkSync(`${device.versions}/current`), /^1\.1\.0-/);
  await answers(fleet, device);
});

async function rollout({ client }: TestController, terms: object): Promise<RolloutRecord> {
  const body = { waves: [{ percent: 100 }], soakSeconds: 1, ...terms };
  return await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
}

interface Wanted {
  readonly id: string;
  readonly state: RolloutRecord['state'];
}

function ends({ client }: TestController, device: InstalledDevice, { id, state }: Wanted) {
  const look = async () => {
    const record = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
    return record.state === state ? record : null;
  };
  return until(`rollout ${id} to be ${state}`, look, patient).catch(withLog(device));
}

function seen(
  { client }: TestController,
  device: InstalledDevice,
  holds: (detail: DeviceDetail) => boolean,
): Promise<DeviceDetail> {
  const look = async () => {
    const detail = await client.call(DeviceDetail, path);
    return holds(detail) ? detail : null;
  };
  return until(`the device: ${holds}`, look, patient).catch(withLog(device));
}

function withLog(device: InstalledDevice): (thrown: unknown) => never {
  return (thrown) => {
    throw new Error(`${thrown}\n${device.log()}`);
  };
}

/** It answers, and the controller hears it. */
async function answers(fleet: TestController, device: InstalledDevice): Promise<void> {
  const live = () =>
    fetch(`http://127.0.0.1:${device.port}/v2/health/live`)
      .then(({ ok }) => ok)
      .catch(() => false);
  await until('it answers', live, patient).catch(withLog(device));
  await seen(fleet, device, ({ online }) => online);
}
