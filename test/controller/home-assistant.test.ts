/** What Home Assistant discovers, seen by a subscriber, on the embedded broker and Mosquitto. */
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { discoveryOf } from '../../controller/home-assistant/discovery.ts';
import { connectMqtt } from '../../shared/mqtt.ts';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { startTestController, type TestController } from '../support/controller.ts';
import { type SimulatedDevice, startDevice } from '../support/device.ts';
import { windowOf } from '../support/documents.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { programOrSkip } from '../support/programs.ts';
import { until } from '../support/until.ts';

/** What its documentation ("MQTT Discovery", "MQTT Sensor") has, and we use; no more than that. */
const Config = v.strictObject({
  name: v.string(),
  unique_id: v.pipe(v.string(), v.regex(/^[\w-]+$/)),
  state_topic: v.string(),
  value_template: v.pipe(v.string(), v.regex(/^\{\{ value_json\.\w+ \}\}$/)),
  availability_topic: v.string(),
  availability_template: v.string(),
  device_class: v.optional(v.picklist(['enum', 'duration', 'temperature', 'data_size'])),
  state_class: v.optional(v.literal('measurement')),
  unit_of_measurement: v.optional(v.string()),
  suggested_display_precision: v.optional(v.number()),
  options: v.optional(v.array(v.string())),
  device: v.strictObject({
    identifiers: v.array(v.string()),
    name: v.string(),
    manufacturer: v.string(),
    model: v.string(),
  }),
  origin: v.strictObject({ name: v.string(), sw_version: v.string() }),
});

interface Home {
  /** What is retained now, by topic. */
  readonly kept: ReadonlyMap<string, string>;
  /** Configurations by their object. */
  configs(): Map<string, v.InferOutput<typeof Config>>;
  /** What an entity shows. */
  shows(object: string): unknown;
}

async function subscriber(
  t: ExecutionContext,
  login: { url: string; username: string; password: string },
): Promise<Home> {
  const kept = new Map<string, string>();
  const bus = await connectMqtt({
    ...login,
    clientId: 'home-assistant',
    onMessage(topic, payload) {
      if (payload.length === 0) kept.delete(topic);
      else kept.set(topic, payload.toString());
    },
  });
  t.teardown(() => bus.end());
  await bus.subscribe(['homeassistant/#', 'fettle/v1/#'], 1);
  // As it says when it starts.
  await bus.publish('homeassistant/status', 'online', { qos: 1 });
  const configs = () =>
    new Map(
      [...kept].flatMap(([topic, text]) => {
        const object = /^homeassistant\/sensor\/[\w-]+\/([\w-]+)\/config$/.exec(topic)?.[1];
        return object === undefined ? [] : [[object, v.parse(Config, JSON.parse(text))] as const];
      }),
    );
  return {
    kept,
    configs,
    shows(object) {
      const config = configs().get(object);
      const document = JSON.parse(kept.get(config?.state_topic ?? '') ?? 'null');
      const member = /value_json\.(\w+)/.exec(config?.value_template ?? '')?.[1];
      return document?.[member ?? ''];
    },
  };
}

async function follow(t: ExecutionContext, home: Home, device: SimulatedDevice): Promise<void> {
  await until('every entity', () => home.configs().size === 6);
  const configs = [...home.configs().values()];
  t.is(new Set(configs.map(({ unique_id }) => unique_id)).size, 6);
  t.deepEqual(new Set(configs.map((config) => config.device.name)), new Set(['pi.1']));
  const presence = () => JSON.parse(home.kept.get(configs[0]?.availability_topic ?? '') ?? '{}');
  await until('available', () => presence().online === true);
  await device.report('idle');
  await until('its state', () => home.shows('state') === 'idle');
  const send = (windows: object[]) =>
    device.send('telemetry', { v: 1, device: 'pi.1', spool: 'a', dropped: 0, windows });
  await send([{ ...windowOf(0, new Date(), 0), temperatureC: 40 }]);
  await until('its temperature', () => home.shows('temperature') === 40);
  t.is(home.shows('latency_p95'), null, 'who was asked nothing has no latency');
  await send([{ ...windowOf(1), temperatureC: 41 }]);
  await until('its temperature', () => home.shows('temperature') === 41);
  t.is(home.shows('memory'), 50);
  t.is(home.shows('throughput'), 1);
  t.is(home.shows('errors'), 0);
  t.is(home.shows('latency_p95'), 2);
}

async function removed(t: ExecutionContext, { client }: TestController, home: Home): Promise<void> {
  await client.call(v.unknown(), '/api/v1/devices/pi.1', { method: 'DELETE' });
  await until('nothing left', () => home.configs().size === 0);
  const left = () => [...home.kept.keys()].filter((topic) => topic.includes('pi.1'));
  await until('no documents either', () => left().every((topic) => !topic.endsWith('/summary')));
  t.pass();
}

const Token = v.object({ token: v.string() });

test('embedded broker: a viewer’s token is enough, entities come and go', async (t) => {
  const test = await startTestController(t, { homeAssistant: 'homeassistant' });
  const { url, brokerUrl } = test.controller;
  const body = { name: 'home', role: 'viewer' };
  const options = { method: 'POST', body } as const;
  const { token } = await test.client.call(Token, '/api/v1/tokens', options);
  const home = await subscriber(t, { url: brokerUrl, username: ':viewer', password: token });
  const enrolment = await test.enrolmentToken();
  const device = await startDevice(t, {
    ...{ url, token: enrolment, name: 'pi.1', behaviour: 'manual' },
  });
  await follow(t, home, device);
  await device.end();
  await removed(t, test, home);
});

test('Mosquitto: the same', async (t) => {
  const program = programOrSkip(t, 'mosquitto');
  if (!program) return;
  const accounts = { controller: 'c', device: 'd', home: 'h' };
  const access = [
    ...['user controller', 'topic readwrite fettle/v1/#', 'topic write homeassistant/#'],
    ...['user device', 'topic readwrite fettle/v1/#'],
    ...['user home', 'topic read fettle/v1/#', 'topic readwrite homeassistant/#', ''],
  ].join('\n');
  const options = { folder: temporaryFolder(t), accounts, access };
  const broker = await startMosquitto(t, program, options);
  const at = (name: string, password: string) =>
    `mqtt://${name}:${password}@127.0.0.1:${broker.port}`;
  const test = await startTestController(t, {
    homeAssistant: 'homeassistant',
    broker: at('controller', 'c'),
    deviceBroker: at('device', 'd'),
  });
  const home = await subscriber(t, { url: broker.url, username: 'home', password: 'h' });
  const device = await startDevice(t, {
    ...{ url: test.controller.url, token: await test.enrolmentToken() },
    ...{ name: 'pi.1', behaviour: 'manual' },
  });
  await follow(t, home, device);
  await device.end();
  await removed(t, test, home);
});

test('a prefix that is none is refused', async (t) => {
  await t.throwsAsync(startTestController(t, { homeAssistant: 'home/#' }), {
    code: 'BAD_SETTING',
    message: /--home-assistant: expected a discovery prefix/,
  });
});

test('names that differ only in what its ids can not hold stay apart', async (t) => {
  const test = await startTestController(t);
  const { url } = test.controller;
  const enrolment = await test.enrolmentToken();
  await startDevice(t, { url, token: enrolment, name: 'a.b', behaviour: 'manual' });
  const summary = await test.client.call(DeviceSummary, '/api/v1/devices/a.b');
  const topics = ['a.b', 'a_b'].map((device) => discoveryOf({ ...summary, device }, 'x')[0]?.topic);
  t.is(new Set(topics).size, 2);
  for (const topic of topics) t.regex(topic ?? '', /^x\/sensor\/[\w-]+\/\w+\/config$/);
});
