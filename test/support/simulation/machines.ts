/** Machines that are taken for others: renamed, copied, removed. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { identify } from '../../../agent/enrol.ts';
import { agentSettings } from '../../../agent/settings.ts';
import { FettleError } from '../../../shared/errors.ts';
import { connectDevice, enrolDevice, keyOf } from '../device.ts';
import { detailOf, eventually, type Stage, selectorOf } from './stage.ts';

const { signal } = new AbortController();

/** One more agent joins, enrolled under a name that its host does not have when it is started. */
export async function renameHost({ fleet, scene, last }: Stage) {
  const dataFolder = mkdtempSync(join(fleet.folder, 'renamed-'));
  const { url: controller, token } = fleet;
  const given = { controller, token, dataFolder, labels: { scene } };
  const device = `${scene}-first-name`;
  await identify(agentSettings({ ...given, device }), signal);
  const identity = await identify(agentSettings(given), signal);
  if (identity.device !== device) return [`it is called ${identity.device} now`];
  const agent = await fleet.add({
    ...{ name: device, hardwareClass: last.hardwareClass, enrolment: identity },
  });
  await eventually(`${device} given what the others have`, () => agent.version() === 1);
  const Names = v.object({ items: v.array(v.object({ device: v.string() })) });
  const path = `/api/v1/devices?selector=${encodeURIComponent(selectorOf({ scene }))}`;
  const { items } = await fleet.client.call(Names, path);
  const named = items.filter(({ device: name }) => name === device).length;
  return named === 1 ? [] : [`${named} devices are called ${device}`];
}

/** Another machine asks for the last one's name. */
export async function clone({ fleet: { url, token }, last }: Stage) {
  const machine = { url, token, name: last.name, key: keyOf('copied') };
  const code = await refusal(enrolDevice(machine));
  const faults = code === 'NAME_TAKEN' ? [] : [`its clone got ${code}, expected NAME_TAKEN`];
  const secret = await last.device.client.call(v.unknown(), '/api/v1/broker').then(
    () => true,
    () => false,
  );
  return secret ? faults : [...faults, 'the first one is refused'];
}

/** The agent goes on trying, with what it knows and with the token of before. */
export async function removeDevice({ fleet, last }: Stage) {
  const { url, token } = fleet;
  await fleet.client.call(v.unknown(), `/api/v1/devices/${last.name}`, { method: 'DELETE' });
  await eventually(`${last.name} thrown off`, () => !last.device.bus.connected);
  const code = await refusal(enrolDevice({ url, token, name: last.name }));
  return code === 'ENROLMENT_REFUSED' ? [] : [`enrolling it got ${code}`];
}

/** Without the label, so that no rollout is for it: what its predecessor had is not for it. */
export async function reviveRemoved({ fleet, last, version }: Stage) {
  const { name, device: old } = last;
  const faults = old.bus.connected ? ['it came back by itself'] : [];
  if (last.told.has(version)) faults.push('it was told the version after it was removed');
  const token = await fleet.newToken();
  const options = { url: fleet.url, token, name, behaviour: 'manual' } as const;
  const fresh = await connectDevice(options, await enrolDevice(options));
  await fresh.report('idle');
  await eventually('its first report', async () => {
    return (await detailOf(fleet, name)).reported?.state === 'idle';
  });
  if (fresh.desired.length > 0) faults.push("it was given its predecessor's goal");
  await fresh.end();
  return faults;
}

/** The code of the error that must come. */
async function refusal(asked: Promise<unknown>): Promise<string> {
  return await asked.then(
    () => 'no error',
    (thrown) => (thrown instanceof FettleError ? thrown.code : String(thrown)),
  );
}
