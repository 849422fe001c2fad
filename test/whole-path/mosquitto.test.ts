/** The fleet over a broker of the owner's: Debian's Mosquitto with accounts and an access list. */
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { DeviceSummary } from '../../shared/protocol/api.ts';
import { decodeMessage } from '../../shared/protocol/messages.ts';
import { parseTopic } from '../../shared/protocol/topics.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { startFleet } from '../support/fleet.ts';
import { classify, sampleDigit } from '../support/inference.ts';
import { startMosquitto, subscribe } from '../support/mosquitto.ts';
import { programOrSkip } from '../support/programs.ts';
import { until } from '../support/until.ts';

const accounts = { controller: 'c-secret', devices: 'd-secret', watcher: 'w-secret' };

/** mosquitto.conf(5): `%c` is the client id, which is the device's name. */
const access = `
user controller
topic readwrite fettle/v1/#

user watcher
topic read fettle/v1/#

pattern write fettle/v1/%c/reported
pattern write fettle/v1/%c/profile
pattern write fettle/v1/%c/tuning
pattern write fettle/v1/%c/telemetry
pattern write fettle/v1/%c/event
pattern write fettle/v1/%c/presence
pattern write fettle/v1/%c/inferred
pattern read fettle/v1/%c/desired
pattern read fettle/v1/%c/release
pattern read fettle/v1/%c/ack
pattern read fettle/v1/%c/infer
`;

test('the demonstration passes with Mosquitto, and a subscriber sees its documents', async (t) => {
  t.timeout(12 * 60_000);
  const program = programOrSkip(t, 'mosquitto');
  const subscriber = programOrSkip(t, 'mosquitto_sub');
  if (!program || !subscriber) return;
  const folder = temporaryFolder(t);
  const broker = await startMosquitto(t, program, { folder: temporaryFolder(t), accounts, access });
  const watching = { port: broker.port, name: 'watcher', password: accounts.watcher };
  const seen = subscribe(t, subscriber, { ...watching, topic: 'fettle/v1/#' });
  const at = (name: 'controller' | 'devices') =>
    `mqtt://${name}:${accounts[name]}@127.0.0.1:${broker.port}`;
  const fleet = await startFleet({
    folder,
    agents: 2,
    controllerOptions: ['--broker', at('controller'), '--device-broker', at('devices')],
  });
  t.teardown(() => fleet.stop());

  const home = temporaryFolder(t);
  const login = ['login', fleet.client.url, '--token', fleet.token];
  t.is((await fettle(login, { home })).code, 0);
  const digits = join(import.meta.dirname, '..', '..', 'examples', 'digits');
  t.is((await fettle(['push', digits], { home })).code, 0);
  const rollout = ['rollout', 'start', 'digits', '--soak-seconds', '1'];
  const started = await fettle(rollout, { home });
  t.is(started.code, 0, started.stderr);

  const Devices = v.array(DeviceSummary);
  const serving = await until(
    'both devices serve',
    async () => {
      const devices = v.parse(
        Devices,
        JSON.parse((await fettle(['devices', '--json'], { home })).stdout),
      );
      return devices.every(({ reported }) => reported?.state === 'serving') ? devices : null;
    },
    { timeoutMs: 7 * 60_000, everyMs: 1000 },
  );
  for (const { reported } of serving) {
    t.is(await classify(reported?.endpoint ?? ''), sampleDigit);
  }
  const wanted = ['desired', 'ack', 'reported', 'profile', 'tuning', 'telemetry', 'presence'];
  for (const { device } of serving) {
    for (const channel of wanted) {
      await until(`${channel} of ${device}`, () =>
        seen.lines().some((line) => line.startsWith(`fettle/v1/${device}/${channel} `)),
      );
    }
  }
  for (const line of seen.lines()) {
    const [topic = '', ...payload] = line.split(' ');
    const address = parseTopic(topic);
    t.not(address, null, topic);
    if (address) t.notThrows(() => decodeMessage(address, Buffer.from(payload.join(' '))), line);
  }
});

test('a wrong broker password is one clear line', async (t) => {
  const program = programOrSkip(t, 'mosquitto');
  if (!program) return;
  const broker = await startMosquitto(t, program, { folder: temporaryFolder(t), accounts, access });
  const url = `mqtt://controller:wrong@127.0.0.1:${broker.port}`;
  const args = ['controller', '--port', '0', '--broker', url];
  const { code, stderr } = await fettle(args, { home: temporaryFolder(t) });
  t.is(code, 1);
  t.regex(stderr, /^error BROKER_REFUSED: broker mqtt:\/\/127\.0\.0\.1:\d+: .*\n.*password/m);
  t.false(stderr.includes('wrong'), 'the password is not printed');
});

test('a broker that is not there is one clear line', async (t) => {
  const args = ['controller', '--port', '0', '--broker', 'mqtt://127.0.0.1:9'];
  const { code, stderr } = await fettle(args, { home: temporaryFolder(t) });
  t.is(code, 1);
  t.regex(stderr, /^error BROKER_REFUSED: .*127\.0\.0\.1:9/m);
});
