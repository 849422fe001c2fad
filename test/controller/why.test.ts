/** What a device waits for, and since when. */
import test from 'ava';
import * as v from 'valibot';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

const Why = v.object({
  sentence: v.string(),
  waitsFor: v.nullable(v.string()),
  since: v.nullable(v.string()),
});

/** The explanation, once what it waits for is said like this. */
async function why({ client }: TestController, wanted: RegExp) {
  let last = '';
  const look = async () => {
    const found = await client.call(Why, '/api/v1/devices/pi-1/why');
    last = found.waitsFor ?? 'nothing';
    return wanted.test(last) ? found : null;
  };
  return await until(String(wanted), look).catch((thrown) => {
    throw new Error(`it waits for ${last}`, { cause: thrown });
  });
}

test('what serves is held against its source and against the version before', async (t) => {
  const test = await startTestController(t);
  const { url, adminToken } = test.controller;
  const { client } = test;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1' });
  const roll = async (version: number) => {
    const body = { model: 'tiny', version, force: true, soakSeconds: 0, waves: [{ percent: 100 }] };
    await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
    await until(`version ${version}`, async () => {
      const found = await client.call(DeviceDetail, '/api/v1/devices/pi-1');
      return found.reported?.serving?.version === version;
    });
  };
  await pushTiny(test, temporaryFolder(t));
  await roll(1);
  await pushTiny(test, temporaryFolder(t), { bias: 1 });
  // What it serves is what counts, not the newest before.
  await pushTiny(test, temporaryFolder(t), { wrongBy: 1 });
  await roll(3);
  const said = 'top1 is 0 % on 24 samples, 100 % with version 1: 100 points of top1 lost';
  const { before } = await client.call(DeviceDetail, '/api/v1/devices/pi-1');
  t.like(before, { version: 3, against: 1, state: 'falls', before: 1, after: 0 });
  const env = { FETTLE_CONTROLLER: url, FETTLE_TOKEN: adminToken };
  for (const command of ['why', 'show']) {
    const home = temporaryFolder(t);
    const { stdout, stderr } = await fettle(['device', command, 'pi-1'], { home, env });
    t.true(stdout.includes(said), stdout + stderr);
    t.regex(stdout, /top1( is)? 0 %, 0 points of top1 lost/, 'against its source nothing is lost');
  }
  t.is(device.desired.length, 2);
});

test('a device is explained in every state, with the time since when', async (t) => {
  const controller = await startTestController(t);
  const { url } = controller.controller;
  const token = await controller.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  t.truthy((await why(controller, /^a rollout whose selector matches it$/)).since);
  await pushTiny(controller, temporaryFolder(t));
  const body = { model: 'tiny', soakSeconds: 0, waves: [{ percent: 100 }] };
  await controller.client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
  const taking = await why(controller, /^the device to take up revision 1$/);
  t.truthy(taking.since);
  await device.goal(1);
  const since = '2026-01-02T03:04:05.000Z';
  await device.report('proving', { since, reason: 'loads it' });
  t.is((await why(controller, /ago that it is proving: loads it$/)).since, since);
  await device.report('failed', { since });
  t.is((await why(controller, /^a person or a newer goal: serving it: it crashed\./)).since, since);
  await device.report('serving', { since });
  t.is((await why(controller, /^nothing$/)).since, since);
  await device.send('presence', { v: 1, device: 'pi-1', online: false, boot: 'one' });
  t.not((await why(controller, /^the device to come back online$/)).since, null);
});
