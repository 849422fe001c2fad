/** The client of the embedded broker that is inside its process. */
import test from 'ava';
import { pino } from 'pino';
import { startBroker } from '../../controller/broker.ts';
import { connectMqtt } from '../../shared/mqtt.ts';
import { until } from '../support/until.ts';

test('takes as many messages at once as there are, while others are slow', async (t) => {
  const broker = await startBroker({
    ...{ host: '127.0.0.1', port: 0, log: pino({ level: 'silent' }) },
    authenticate: () => ({ role: 'controller' }),
    onViolation: () => {},
  });
  t.teardown(() => broker.stop());
  const taken: string[] = [];
  const bus = broker.join((_, payload) => taken.push(payload.toString()));
  await bus.subscribe(['many/+'], 1);
  const outside = await connectMqtt({
    ...{ url: `mqtt://127.0.0.1:${broker.port}`, username: 'a', password: 'b', clientId: 'c' },
    onMessage: () => {},
  });
  t.teardown(() => outside.end());
  await outside.subscribe(['slow'], 1);
  // While these wait for their reader, the broker queues what comes behind them.
  for (let index = 0; index < 300; index += 1) void bus.publish('slow', 'x');
  const count = 20_000;
  for (let index = 0; index < count; index += 1) void bus.publish('many/one', `${index}`);
  await until('all of them', () => taken.length === count);
  t.deepEqual(taken.slice(0, 3), ['0', '1', '2']);
  t.is(taken.at(-1), `${count - 1}`);
});

test('hears what was retained before it came: a device may be there first', async (t) => {
  const broker = await startBroker({
    ...{ host: '127.0.0.1', port: 0, log: pino({ level: 'silent' }) },
    authenticate: () => ({ role: 'controller' }),
    onViolation: () => {},
  });
  t.teardown(() => broker.stop());
  const outside = await connectMqtt({
    ...{ url: `mqtt://127.0.0.1:${broker.port}`, username: 'a', password: 'b', clientId: 'c' },
    onMessage: () => {},
  });
  t.teardown(() => outside.end());
  await outside.publish('many/one', 'here', { retain: true });
  await outside.publish('many/two', 'gone', { retain: true });
  await outside.publish('many/two', '', { retain: true });
  const taken: string[] = [];
  const bus = broker.join((topic, payload) => taken.push(`${topic} ${payload}`));
  await bus.subscribe(['many/+'], 1);
  t.deepEqual(taken, ['many/one here']);
});
