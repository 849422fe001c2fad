/** Whoever looks at a device that was removed is told so, and what to do. */
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { startOn } from '../support/agent.ts';
import { startTestController } from '../support/controller.ts';
import { fettle, temporaryFolder } from '../support/fettle.ts';
import { device, startStation } from '../support/station/station.ts';
import { until } from '../support/until.ts';

const Status = v.object({
  broker: v.object({ state: v.string(), reason: v.string(), todo: v.nullable(v.string()) }),
});
const Examined = v.object({
  checks: v.array(
    v.looseObject({ what: v.string(), state: v.string(), todo: v.nullable(v.string()) }),
  ),
});

async function brokerOf(endpoint: string) {
  return v.parse(Status, await (await fetch(endpoint)).json()).broker;
}

async function examine(t: ExecutionContext, dataFolder: string) {
  const args = ['doctor', '--json', '--data', dataFolder];
  const { code, stdout } = await fettle(args, { home: temporaryFolder(t) });
  const { checks } = v.parse(Examined, JSON.parse(stdout));
  const of = (what: string) => checks.find((check) => check.what === what);
  return { code, credentials: of('credentials'), broker: of('broker') };
}

test('a device that was removed: its status, its log and the doctor say so', async (t) => {
  const { client, controller, enrolmentToken } = await startTestController(t);
  const dataFolder = temporaryFolder(t);
  const token = await enrolmentToken();
  await (await startOn(t, controller, { dataFolder, token })).stop();
  const lines: string[] = [];
  // As after a restart: the token is not given again.
  const log = (level: string, text: string) => lines.push(`${level} ${text}`);
  const again = await startOn(t, controller, { dataFolder, token: null, log });
  await until('it is connected', async () => {
    return (await brokerOf(again.endpoint)).state === 'connected';
  });
  const well = await examine(t, dataFolder);
  t.like(well, { credentials: { state: 'ok' }, broker: { state: 'ok' } });
  await client.call(v.unknown(), `/api/v1/devices/${device}`, { method: 'DELETE' });
  const status = await until('it is refused', async () => {
    const known = await brokerOf(again.endpoint);
    return known.state === 'refused' ? known : null;
  });
  t.regex(status.reason, /^broker mqtt:\S+ refuses the credentials of device \(/);
  t.regex(status.todo ?? '', /removed.*fettle device token.*--re-enrol/);
  t.true(lines.some((line) => /^error .*refuses the credentials.*--re-enrol/.test(line)));
  const { code, credentials, broker } = await examine(t, dataFolder);
  t.is(code, 1);
  for (const check of [credentials, broker]) {
    t.is(check?.state, 'failed');
    t.regex(check?.todo ?? '', /fettle device token/);
  }
});

test('a broker that refuses the password is no broker that takes connections', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  await (await startOn(t, station, { dataFolder })).stop();
  station.refuseConnections(true);
  const { code, broker } = await examine(t, dataFolder);
  t.is(code, 1);
  t.like(broker, { state: 'failed' });
  t.regex(String(broker?.found), /refuses the credentials of device/);
});
