/** What a device waits for, and since when. */
import test from 'ava';
import * as v from 'valibot';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { startDevice } from '../support/device.ts';
import { temporaryFolder } from '../support/fettle.ts';
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
