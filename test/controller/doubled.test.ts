/** Two agents with one id at a broker that lets both in, in turns. */
import { cpSync } from 'node:fs';
import test from 'ava';
import { pino } from 'pino';
import { identify } from '../../agent/enrol.ts';
import { startAgent } from '../../agent/main.ts';
import { agentSettings } from '../../agent/settings.ts';
import { startBroker } from '../../controller/broker.ts';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { startTestController } from '../support/controller.ts';
import { profileOf } from '../support/documents.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { until } from '../support/until.ts';

test('two agents with one disk are told of, and the windows of both are kept', async (t) => {
  const broker = await startBroker({
    ...{ host: '127.0.0.1', port: 0, log: pino({ level: 'silent' }), onViolation() {} },
    authenticate: () => ({ role: 'controller' }),
  });
  t.teardown(() => broker.stop());
  const at = `mqtt://all:secret@127.0.0.1:${broker.port}`;
  const controller = await startTestController(t, { broker: at, deviceBroker: at });
  const token = await controller.enrolmentToken(2);
  const { signal } = new AbortController();
  const given = { device: 'pi-1', controller: controller.controller.url, token, httpPort: 0 };
  const [disk, copy] = [temporaryFolder(t), temporaryFolder(t)];
  await identify(agentSettings({ ...given, dataFolder: disk }), signal);
  cpSync(disk, copy, { recursive: true });
  for (const dataFolder of [disk, copy]) {
    const settings = agentSettings({ ...given, dataFolder });
    const agent = await startAgent({ settings, signal, log() {}, profile: profileOf('pi-1') });
    t.teardown(() => agent.stop());
  }
  const timing = { timeoutMs: 90_000 };
  const seen = async () => {
    const { events } = await controller.client.call(DeviceDetail, '/api/v1/devices/pi-1');
    return events.some(({ code }) => code === 'DEVICE_DOUBLED');
  };
  await until('it is said', seen, timing);
  // Each counts its own windows from one.
  const counts = async () => {
    const { windows } = await controller.client.call(DeviceDetail, '/api/v1/devices/pi-1');
    const found = new Map<number, number>();
    for (const { seq } of windows) found.set(seq, (found.get(seq) ?? 0) + 1);
    return [1, 2, 3].every((seq) => found.get(seq) === 2) ? found : null;
  };
  const found = await until('windows of both', counts, timing);
  t.true(
    [...found.values()].every((times) => times <= 2),
    'none is counted twice',
  );
});
