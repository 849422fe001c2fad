import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { identify } from '../../agent/enrol.ts';
import { type AgentInput, agentSettings } from '../../agent/settings.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { enrolmentToken } from '../support/station/http.ts';
import { device, startStation } from '../support/station/station.ts';

const { signal } = new AbortController();
const identifyWith = (input: AgentInput) => identify(agentSettings({ device, ...input }), signal);

test('a token becomes an identity that only this user can read', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const identity = await identifyWith({
    ...{ dataFolder, controller: station.url, token: enrolmentToken },
  });
  t.is(identity.controllerKey, station.keys.publicKeyPem);
  t.is(statSync(join(dataFolder, 'identity.json')).mode & 0o777, 0o600);
  const again = await identifyWith({ dataFolder });
  t.deepEqual(again, identity, 'known from then on, without the controller');
  t.is(station.enrolments, 1);
});

test('a folder is of one device', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  await identifyWith({ dataFolder, controller: station.url, token: enrolmentToken });
  const other = identifyWith({ dataFolder, device: 'other' });
  await t.throwsAsync(other, { code: 'BAD_SETTING', message: /--name/ });
});

test('enrolling anew forgets what was pinned', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const known = { dataFolder, controller: station.url, token: enrolmentToken };
  await identifyWith(known);
  await identifyWith({ ...known, reenrol: true });
  t.is(station.enrolments, 2);
});

test('what is missing, wrong or away is said', async (t) => {
  const station = await startStation(t);
  const dataFolder = temporaryFolder(t);
  const controller = station.url;
  const away = 'http://127.0.0.1:1';
  await t.throwsAsync(identifyWith({ dataFolder }), {
    code: 'BAD_SETTING',
    message: /--controller/,
  });
  const tokenless = identifyWith({ dataFolder, controller });
  await t.throwsAsync(tokenless, { code: 'BAD_SETTING', message: /--token/ });
  const stranger = identifyWith({ dataFolder, controller, token: 'stolen' });
  await t.throwsAsync(stranger, { code: 'ENROLMENT_REFUSED', message: /unknown token/ });
  const nobody = identifyWith({ dataFolder, controller: away, token: enrolmentToken });
  await t.throwsAsync(nobody, { code: 'CONTROLLER_UNREACHABLE' });
  writeFileSync(join(dataFolder, 'identity.json'), '{');
  const torn = identifyWith({ dataFolder, controller, token: enrolmentToken });
  await t.throwsAsync(torn, { code: 'FILE_UNREADABLE', message: /enrol again/ });
});
