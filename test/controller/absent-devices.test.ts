/** Devices that are switched off when a rollout reaches them, through the API and the terminal. */
import test from 'ava';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController } from '../support/controller.ts';
import { connectDevice, startDevice } from '../support/device.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

test('a device that was off before is skipped, listed, and joins when it is back', async (t) => {
  const test = await startTestController(t);
  const { client, controller } = test;
  await pushTiny(test, temporaryFolder(t));
  const token = await test.enrolmentToken(20);
  const { url, adminToken } = controller;
  const add = (name: string) => startDevice(t, { url, token, name });
  const [a, b] = [await add('a'), await add('b')];
  const terms = { model: 'tiny', soakSeconds: 0, timeoutSeconds: 2, onBreach: 'rollback' };
  const start = (offline: string) => {
    const body = { ...terms, offline, waves: [{ count: 1 }, { percent: 100 }] };
    return client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body });
  };
  const reaches = (id: string, holds: (record: RolloutRecord) => boolean) => {
    let last: RolloutRecord | null = null;
    const look = async () => {
      last = await client.call(RolloutRecord, `/api/v1/rollouts/${id}`);
      return holds(last) ? last : null;
    };
    return until(`rollout ${id}`, look).catch((thrown) => {
      throw new Error(`${last?.state}: ${last?.reason}`, { cause: thrown });
    });
  };
  const first = await start('skip');
  await reaches(first.id, ({ state, members }) => state === 'succeeded' && members.length === 2);
  // As an agent says when it is stopped.
  await b.send('presence', { v: 1, device: 'b', online: false, boot: 'one' });
  await b.end();
  await pushTiny(test, temporaryFolder(t), { bias: 1 });
  const second = await start('skip');
  const ended = await reaches(second.id, ({ state }) => state !== 'running');
  t.deepEqual(
    [ended.state, ended.reason],
    ['succeeded', '1 of 2 devices serve it; 1 offline, given it when back'],
  );
  t.is(a.desired.at(-1)?.model?.version, 2);
  const whom = ['--controller', url, '--token', adminToken];
  const home = temporaryFolder(t);
  const shown = await fettle(['rollout', 'status', 'tiny', ...whom], { home });
  t.regex(shown.stdout, /OFFLINE +LAST SEEN +REASON\nb +\S+Z +is offline; is given it when/);
  const again = await connectDevice({ url, token, name: 'b', seq: 100 }, b.enrolment);
  t.teardown(() => again.end());
  t.is((await again.goal(2)).model?.version, 2);
  await reaches(second.id, ({ reason }) => reason === '2 of 2 devices serve it');
});
