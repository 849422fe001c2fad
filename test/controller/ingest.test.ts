import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { quantile } from '../../shared/histogram.ts';
import { DeviceDetail, DeviceSummary } from '../../shared/protocol/api.ts';
import { topicOf } from '../../shared/protocol/topics.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type SimulatedDevice, startDevice } from '../support/device.ts';
import { reportOf, windowOf } from '../support/documents.ts';
import { until } from '../support/until.ts';

const Devices = v.object({ items: v.array(DeviceSummary) });

async function scene(t: ExecutionContext) {
  const test = await startTestController(t);
  const { url } = test.controller;
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url, token, name: 'pi-1', behaviour: 'manual' });
  return { test, device };
}

function detailOf({ client }: TestController): Promise<DeviceDetail> {
  return client.call(DeviceDetail, '/api/v1/devices/pi-1');
}

function telemetry(spool: string, seqs: readonly number[], dropped = 0) {
  const windows = seqs.map((seq) => windowOf(seq));
  return { v: 1, device: 'pi-1', spool, dropped, windows };
}

function acked(device: SimulatedDevice, spool: string, seq: number): Promise<unknown> {
  return until(`the acknowledgement of ${spool} ${seq}`, () =>
    device.acks.some(({ telemetry: ack }) => ack?.spool === spool && ack.seq >= seq),
  );
}

test('windows count once: doubled, out of order, in one batch, across a restart', async (t) => {
  const { test, device } = await scene(t);
  await device.send('telemetry', telemetry('a', [0, 1, 2]));
  await device.send('telemetry', telemetry('a', [1, 2, 3]));
  await device.send('telemetry', telemetry('a', [3, 3, 5]));
  await acked(device, 'a', 5);
  await device.send('telemetry', telemetry('a', [4]));
  await device.send('telemetry', telemetry('b', [0, 1]));
  await acked(device, 'b', 1);
  const again = await test.restart();
  await until('the device back', async () => (await detailOf(again)).online);
  const before = device.acks.length;
  await device.send('telemetry', telemetry('a', [0, 1, 2, 3, 4, 5]));
  await until('acknowledged again', () => device.acks.length > before);
  const { windows } = await detailOf(again);
  t.deepEqual(windows.map(({ seq }) => seq).sort(), [0, 0, 1, 1, 2, 3, 4, 5]);
  const metrics = await (await fetch(`${again.controller.url}/metrics`)).text();
  t.regex(metrics, /fettle_ingest_duplicates_total 6\n/);
});

test('the last minute is merged, not averaged', async (t) => {
  const { test, device } = await scene(t);
  await device.send('telemetry', telemetry('a', [0, 1, 2]));
  await acked(device, 'a', 2);
  const { recent, windows } = await detailOf(test);
  t.is(recent?.requestsPerSecond, 2);
  const [window] = windows;
  t.is(recent?.latencyMsP95, window && quantile(window.latencyMs, 0.95));
});

test('a report that is older than the last one changes nothing, and is acknowledged', async (t) => {
  const { test, device } = await scene(t);
  await device.report('tuning', { seq: 7 });
  await until('the report', async () => (await detailOf(test)).reported?.seq === 7);
  await device.report('failed', { seq: 6 });
  await until('both acknowledged', () => device.acks.filter((ack) => ack.reportedSeq === 7)[1]);
  const { reported } = await detailOf(test);
  t.deepEqual([reported?.seq, reported?.state], [7, 'tuning']);
});

const bad: readonly (readonly [string, string | object, RegExp])[] = [
  ['no JSON', '{', /not JSON/],
  ['no object', '[]', /v: expected 1, got nothing/],
  ['another version', { ...report(), v: 2 }, /v: /],
  ['an unknown state', { ...report(), state: 'dancing' }, /state: /],
  ['a member of the wrong type', { ...report(), seq: 'many' }, /seq: /],
  ['the name of another', { ...report(), device: 'pi-2' }, /names device pi-2/],
  ['too many bytes', ' '.repeat((1 << 20) + 1), /1048577 bytes/],
];

function report(): object {
  return reportOf(null, { device: 'pi-1', seq: 1, state: 'idle' });
}

for (const [what, document, message] of bad) {
  test(`${what} is an event of the device, and the next message is taken`, async (t) => {
    const { test, device } = await scene(t);
    const payload = typeof document === 'string' ? document : JSON.stringify(document);
    const topic = topicOf({ device: 'pi-1', channel: 'reported' });
    await device.bus.publish(topic, payload, { qos: 1 });
    const events = await until('the event', async () => {
      const events = (await detailOf(test)).events.filter(({ kind }) => kind === 'error');
      return events.length > 0 ? events : null;
    });
    t.like(events[0], { code: 'MESSAGE_INVALID', level: 'error' });
    t.regex(events[0]?.message ?? '', message);
    await device.report('idle');
    await until('the good report', async () => (await detailOf(test)).reported?.state === 'idle');
  });
}

test('events of a device are kept, the newest of them', async (t) => {
  const { test, device } = await scene(t);
  // A device has at most so many under way at once (agent/events.ts).
  const underway = 20;
  for (let index = 0; index < 230; index += 1) {
    const message = `event ${index}`;
    const at = new Date().toISOString();
    const event = { v: 1, device: 'pi-1', at, level: 'info', code: 'TEST', message } as const;
    await device.send('event', event);
    if (index % underway < underway - 1 && index < 229) continue;
    await until(message, async () => (await detailOf(test)).events[0]?.message === message);
  }
  t.is((await detailOf(test)).events.length, 50);
});

test('NUL and half a surrogate pair are stored as what every text may hold', async (t) => {
  const { test, device } = await scene(t);
  const spool = 'a\0\ud800';
  const at = new Date().toISOString();
  const event = { v: 1, device: 'pi-1', at, level: 'info', code: 'A\0', message: 'b\udc00', spool };
  await device.send('event', { ...event, seq: 1 });
  await device.send('telemetry', telemetry(spool, [0]));
  await device.send('telemetry', telemetry(spool, [0, 1]));
  await acked(device, 'a\ufffd\ufffd', 1);
  const { events, windows } = await detailOf(test);
  t.like(
    events.find(({ code }) => code.startsWith('A')),
    { code: 'A\ufffd', message: 'b\ufffd' },
  );
  t.is(windows.length, 2, 'the spool is the same one, and each window counts once');
});

/** From now on the database refuses events of this code. */
const poison = process.env.FETTLE_TEST_DATABASE
  ? `alter table events add constraint poison check (code <> 'POISON')`
  : `create trigger poison before insert on events when new.code = 'POISON'
      begin select raise(abort, 'poison'); end`;

test('what cannot be stored is set aside and told, and everything else is stored', async (t) => {
  const first = await startTestController(t);
  const { url } = first.controller;
  const token = await first.enrolmentToken(2);
  const start = (name: string) => startDevice(t, { url, token, name, behaviour: 'manual' });
  const [bad, good] = [await start('pi-1'), await start('pi-2')];
  await first.stop();
  first.execute(poison);
  const test = await first.restart();
  await until('both back', async () => {
    const { items } = await test.client.call(Devices, '/api/v1/devices');
    return items.every(({ online }) => online);
  });
  const at = new Date().toISOString();
  const event = {
    v: 1,
    device: 'pi-1',
    at,
    level: 'info',
    code: 'POISON',
    message: '',
    spool: 'e',
  };
  await Promise.all([
    bad.send('event', { ...event, seq: 1 }),
    bad.send('event', { ...event, code: 'GOOD', seq: 2 }),
    bad.send('telemetry', telemetry('a', [0])),
    good.send('telemetry', { ...telemetry('b', [0]), device: 'pi-2' }),
  ]);
  await acked(good, 'b', 0);
  await acked(bad, 'a', 0);
  await until('both events to be acknowledged', () =>
    bad.acks.some((ack) => ack.event?.spool === 'e' && ack.event.seq === 2),
  );
  await until('what is said of it', async () => {
    const codes = (await detailOf(test)).events.map(({ code }) => code);
    return ['GOOD', 'MESSAGE_UNSTORED'].every((code) => codes.includes(code));
  });
  const codes = (await detailOf(test)).events.map(({ code }) => code);
  t.false(codes.includes('POISON'));
  const metrics = await (await fetch(`${test.controller.url}/metrics`)).text();
  t.regex(metrics, /fettle_ingest_unstored_total 1\n/);
});

test('a stored document that cannot be read keeps no controller from starting', async (t) => {
  const { test, device } = await scene(t);
  await device.report('idle');
  await device.send('telemetry', telemetry('a', [0]));
  await acked(device, 'a', 0);
  await test.stop();
  test.execute(`update devices set reported = '{"v":null}', profile = '['`);
  test.execute(`update windows set document = '{"seconds":null}'`);
  test.execute('update rolled set window_id = 0');
  test.execute(`update rollups set document = '{"seconds":null}'`);
  const again = await test.restart();
  await until('the device back, with its report', async () => {
    const { reported, profile } = await detailOf(again);
    return reported?.state === 'idle' && profile !== null;
  });
  await device.send('telemetry', telemetry('a', [1]));
  await acked(device, 'a', 1);
  t.deepEqual(
    (await detailOf(again)).windows.map(({ seq }) => seq),
    [1],
  );
});
