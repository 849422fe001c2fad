/** The log of a device: what an operator reads there after a night. */
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { startAgent } from '../../agent/main.ts';
import { agentSettings } from '../../agent/settings.ts';
import { LogEntry } from '../../shared/protocol/device-log.ts';
import { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type SimulatedDevice, startDevice } from '../support/device.ts';
import { profileOf } from '../support/documents.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { pushTiny } from '../support/push.ts';
import { until } from '../support/until.ts';

const Page = v.object({ items: v.array(LogEntry), next: v.nullable(v.string()) });

function logOf({ client }: TestController, query = ''): Promise<v.InferOutput<typeof Page>> {
  return client.call(Page, `/api/v1/devices/pi-1/events${query}`);
}

/** Waits for an entry; returns all, the oldest first. */
function untilLogged(test: TestController, what: string, holds: (entry: LogEntry) => boolean) {
  const look = async () => {
    const items = (await logOf(test, '?limit=1000')).items.toReversed();
    return items.some(holds) ? items : null;
  };
  return until(what, look, { timeoutMs: 120_000 });
}

async function realDevice(t: ExecutionContext, test: TestController) {
  const settings = agentSettings({
    ...{ device: 'pi-1', controller: test.controller.url, token: await test.enrolmentToken() },
    ...{ dataFolder: temporaryFolder(t), httpPort: 0 },
  });
  const { signal } = new AbortController();
  const start = () => startAgent({ settings, signal, log() {}, profile: profileOf('pi-1') });
  return { start, settings };
}

async function rollOut({ client }: TestController, version: number): Promise<string> {
  const body = { model: 'tiny', version, soakSeconds: 0, tuningBudgetSeconds: 1 };
  return (await client.call(RolloutRecord, '/api/v1/rollouts', { method: 'POST', body })).id;
}

test('two rollouts, a rollback and an outage are in the log, in their order', async (t) => {
  t.timeout(600_000);
  const test = await startTestController(t);
  await pushTiny(test, temporaryFolder(t));
  await pushTiny(test, temporaryFolder(t), { bias: 1 });
  const { start } = await realDevice(t, test);
  let agent = await start();
  t.teardown(() => agent.stop());
  const reached = (what: string, wanted: RegExp) =>
    untilLogged(test, what, ({ code, message }) => wanted.test(`${code} ${message}`));
  const first = await rollOut(test, 1);
  await reached('the first', /^SERVING revision 1:/);
  await reached('success', new RegExp(`^ROLLOUT_SUCCEEDED rollout ${first}`));
  const second = await rollOut(test, 2);
  await reached('the second', new RegExp(`^ROLLOUT_SUCCEEDED rollout ${second}`));
  await test.client.call(RolloutRecord, `/api/v1/rollouts/${second}/rollback`, { method: 'POST' });
  await reached('the first again', new RegExp(`^ROLLOUT_REVERTED rollout ${second}`));
  await reached('it serves', /^SERVES tiny 1 .* in place of tiny 2/);
  await agent.stop();
  await untilLogged(test, 'offline', ({ code }) => code === 'OFFLINE');
  agent = await start();
  const entries = await untilLogged(test, 'back', ({ message }) => /started anew/.test(message));
  const order = [
    /ENROLLED enrolled/,
    /STARTED agent \S+ started; the machine has been up for/,
    new RegExp(`GOAL revision 1: tiny 1, by rollout ${first}`),
    /TUNING revision 1:/,
    /SERVES tiny 1 as .+ serves/,
    /SERVING revision 1:/,
    new RegExp(`GOAL revision 2: tiny 2 instead of tiny 1, by rollout ${second}`),
    /SERVES tiny 2 as .+ in place of tiny 1/,
    new RegExp(`GOAL revision \\d: tiny 1 instead of tiny 2, by rollout ${second}`),
    /SERVES tiny 1 as .+ in place of tiny 2/,
    /STOPPED agent stopped in good order/,
  ];
  const lines = entries.map(({ code, message }) => `${code} ${message}`);
  let from = 0;
  for (const wanted of order) {
    const at = lines.findIndex((line, index) => index >= from && wanted.test(line));
    t.not(at, -1, `${wanted} behind entry ${from} of:\n${lines.join('\n')}`);
    from = Math.max(from, at);
  }
  const rollouts = entries.filter(({ kind }) => kind === 'rollout').map(({ code }) => code);
  t.true(rollouts.includes('ROLLOUT_SUCCEEDED') && rollouts.includes('ROLLOUT_REVERTED'));
  const times = entries.map(({ at }) => at);
  t.deepEqual(times, times.toSorted(), 'by the time of happening');
  const home = temporaryFolder(t);
  const { url, adminToken } = test.controller;
  const whom = ['--controller', url, '--token', adminToken];
  const said = await fettle(['device', 'logs', 'pi-1', '--kind', 'goal', ...whom], { home });
  t.is(said.stdout.trim().split('\n').length, 3);
  t.regex(said.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}info {3}GOAL {2}revision 1: tiny 1/);
});

async function simulated(
  t: ExecutionContext,
): Promise<{ test: TestController; device: SimulatedDevice }> {
  const test = await startTestController(t, { eventsPerDevice: 50 });
  const token = await test.enrolmentToken();
  const device = await startDevice(t, { url: test.controller.url, token, name: 'pi-1' });
  return { test, device };
}

test('a connection that comes and goes is one entry a minute, with a count', async (t) => {
  const { test, device } = await simulated(t);
  await untilLogged(test, 'online', ({ code }) => code === 'ONLINE');
  for (let round = 0; round < 10; round += 1) {
    for (const online of [false, true]) {
      await device.send('presence', { v: 1, device: 'pi-1', online, boot: 'one' });
    }
  }
  const all = () => logOf(test, '?kind=connection');
  const { items } = await until('all of them', async () => {
    const page = await all();
    const times = page.items.reduce((total, entry) => total + entry.times, 0);
    return times >= 11 ? page : null;
  });
  t.true(items.length <= 3, 'the minute may have turned meanwhile');
  t.regex(items[0]?.message ?? '', /^(the connection is lost|connected again after \d+ s)$/);
});

test('of each kind the newest are kept: noise takes the room of nothing else', async (t) => {
  const { test, device } = await simulated(t);
  const say = (kind: string, message: string, ageSeconds: number) =>
    device.send('event', {
      ...{ v: 1, device: 'pi-1', at: new Date(0).toISOString(), level: 'info', code: 'TEST' },
      ...{ kind, message, ageSeconds },
    });
  await say('error', 'the one that matters', 200_000);
  for (let index = 0; index < 80; index += 1) {
    await say('state', `state ${index}`, 100_000 - index * 600);
    if (index % 20 === 19)
      await untilLogged(test, `${index}`, ({ message }) => message === `state ${index}`);
  }
  // What comes late stands where it happened.
  await say('agent', 'in the middle', 100_000 - 39.5 * 600);
  const items = await untilLogged(test, 'late', ({ message }) => message === 'in the middle');
  const messages = items.map(({ message }) => message);
  t.true(messages.includes('the one that matters'));
  t.is(items.filter(({ kind }) => kind === 'state').length, 50);
  const middle = messages.indexOf('in the middle');
  t.deepEqual(messages.slice(middle - 1, middle + 2), ['state 39', 'in the middle', 'state 40']);
  const paged: string[] = [];
  for (let query = '?limit=7'; query !== ''; ) {
    const page = await logOf(test, query);
    paged.push(...page.items.map(({ message }) => message));
    query = page.next === null ? '' : `?limit=7&cursor=${page.next}`;
  }
  t.deepEqual(paged.toReversed(), messages, 'pages hold the same');
});

test('a restart of the controller is no news of its devices, a change of labels is', async (t) => {
  const { test, device } = await simulated(t);
  await untilLogged(test, 'online', ({ code }) => code === 'ONLINE');
  const again = await test.restart();
  await until('here again', async () => {
    const Device = v.object({ online: v.boolean() });
    return (await again.client.call(Device, '/api/v1/devices/pi-1')).online;
  });
  await again.client.call(v.unknown(), '/api/v1/devices/pi-1/labels', {
    ...{ method: 'PUT', body: { zone: 'hall' } },
  });
  const items = await untilLogged(again, 'labels', ({ code }) => code === 'LABELS');
  t.is(items.filter(({ kind }) => kind === 'connection').length, 1);
  t.regex(items.at(-1)?.message ?? '', /zone=hall/);
  await device.end();
});

test('an entry is sent to who watches', async (t) => {
  const { test, device } = await simulated(t);
  const { url, adminToken } = test.controller;
  const headers = { authorization: `Bearer ${adminToken}` };
  const stream = await fetch(new URL('/api/v1/events', url), { headers });
  const reader = (stream.body ?? new ReadableStream())
    .pipeThrough(new TextDecoderStream())
    .getReader();
  t.teardown(() => reader.cancel());
  await device.send('event', {
    ...{ v: 1, device: 'pi-1', at: new Date().toISOString(), level: 'warn' },
    ...{ code: 'TEST', message: 'hot' },
  });
  let text = '';
  while (!/event: log\ndata: .*"message":"hot"/.test(text)) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  t.regex(text, /"device":"pi-1","entry":\{"at"/);
});
