import test from 'ava';
import { type BusState, connectMqtt, openMqtt } from '../../shared/mqtt.ts';
import { brokerPassword, startBroker } from '../support/station/broker.ts';
import { until } from '../support/until.ts';

const quick = { baseMs: 20, maxMs: 100 };
const options = (url: string) => ({
  ...{ url, username: 'device', password: brokerPassword, clientId: 'device', backoff: quick },
  onMessage: () => {},
});

test('what is published is heard, retained documents by who comes later', async (t) => {
  const { url } = await startBroker(t);
  const heard: string[] = [];
  const bus = await connectMqtt(options(url));
  await bus.publish('a/b', 'early', { retain: true });
  const other = await connectMqtt({
    ...options(url),
    clientId: 'other',
    onMessage: (topic, payload) => heard.push(`${topic} ${payload}`),
  });
  await other.subscribe(['a/+'], 1);
  await bus.publish('a/c', 'later');
  await until('both', () => heard.length === 2);
  t.deepEqual(heard, ['a/b early', 'a/c later']);
  await Promise.all([bus.end(), other.end()]);
});

test('a wrong password is refused with what to check', async (t) => {
  const { url } = await startBroker(t);
  const refused = connectMqtt({ ...options(url), password: 'wrong' });
  await t.throwsAsync(refused, { code: 'BROKER_REFUSED', message: /refused/ });
});

test('nobody at the address is refused too, at the first attempt', async (t) => {
  await t.throwsAsync(connectMqtt(options('mqtt://127.0.0.1:1')), { code: 'BROKER_REFUSED' });
  t.throws(() => openMqtt(options('http://127.0.0.1')), { code: 'BROKER_REFUSED' });
});

test('a connection that breaks comes back with its subscriptions', async (t) => {
  const { url, drop } = await startBroker(t);
  const states: BusState['state'][] = [];
  const heard: string[] = [];
  const bus = await connectMqtt({
    ...options(url),
    onMessage: (_, payload) => heard.push(payload.toString()),
    onState: ({ state }) => states.push(state),
  });
  await bus.subscribe(['a'], 1);
  await bus.publish('a', 'retained', { retain: true });
  await until('the first', () => heard.length > 0);
  drop();
  await until('again', () => heard.length > 1);
  t.deepEqual(states, ['connected', 'disconnected', 'connected']);
  t.deepEqual(heard, ['retained', 'retained'], 'a retained document comes again');
  await bus.end();
});

test('the will is sent for who vanishes, not for who says goodbye', async (t) => {
  const { url, drop } = await startBroker(t);
  const wills: string[] = [];
  const station = await connectMqtt({
    ...options(url),
    clientId: 'station',
    onMessage: (_, payload) => wills.push(payload.toString()),
  });
  await station.subscribe(['will'], 1);
  const will = (payload: string) => ({ topic: 'will', payload, qos: 1, retain: false }) as const;
  const polite = await connectMqtt({ ...options(url), clientId: 'polite', will: will('polite') });
  await polite.end();
  const lost = await connectMqtt({ ...options(url), clientId: 'lost', will: will('lost') });
  drop();
  await until('the will', () => wills.length > 0);
  t.deepEqual(wills, ['lost']);
  await Promise.all([lost.end(), station.end()]);
});

test('what waits for a broker that is away has an end', async (t) => {
  const bus = openMqtt({ ...options('mqtt://127.0.0.1:1'), pendingMax: 2 });
  const waiting = [bus.publish('a', '1'), bus.publish('a', '2')];
  for (const one of waiting) one.catch(() => {});
  await t.throwsAsync(bus.publish('a', '3'), {
    code: 'BROKER_REFUSED',
    message: /2 messages wait/,
  });
  await bus.end();
});

test('what a handler throws goes to onFault, and the next message is heard', async (t) => {
  const { url } = await startBroker(t);
  const faults: unknown[] = [];
  const bus = await connectMqtt({
    ...options(url),
    onMessage() {
      throw new Error('no');
    },
    onFault: (thrown) => faults.push(thrown),
  });
  await bus.subscribe(['a'], 1);
  await bus.publish('a', '1');
  await bus.publish('a', '2');
  await until('both', () => faults.length === 2);
  t.is(faults.length, 2);
  await bus.end();
});
