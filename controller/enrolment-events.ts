/** What is said of a device when somebody enrols under its name. */
import { FettleError } from '../shared/errors.ts';
import type { EnrolRequest } from '../shared/protocol/api.ts';
import { createComplaints } from './device-log.ts';
import type { Enrolled } from './enrolment.ts';
import { broughtLabels, type Device } from './fleet.ts';
import type { World } from './world.ts';

const code = 'ENROLLED';

/** Says how the device joined, and which labels of people stand against what it brings. */
export function tellOfEnrolment(world: World, claim: EnrolRequest, enrolled: Enrolled): void {
  const { device, joining } = enrolled;
  const how = {
    new: 'enrolled',
    again: 'enrolled again: its secrets of before are void',
    replaced: 'another machine has taken its place: the secrets of the one before are void',
  }[joining];
  const other = claim.wanted !== undefined && claim.wanted !== claim.device;
  const name = other ? `, not as ${claim.wanted}, which is another machine's name` : '';
  const message = [`${how}${name}`, ...keptLabels(device)].join('; ');
  const level = joining === 'replaced' ? 'warn' : 'info';
  world.deviceLog.note([{ device: device.device, kind: 'agent', level, code, message }]);
}

/** Tells the device of a name that another machine asked for it. */
export function tellOfRefusal(world: World): (claim: EnrolRequest, thrown: unknown) => void {
  const complain = createComplaints(world);
  return ({ device }, thrown) => {
    if (!(thrown instanceof FettleError) || thrown.code !== 'NAME_TAKEN') return;
    const { proposed } = thrown.details;
    const message = `another machine asked to enrol under this name and was told ${proposed}`;
    complain({ device, level: 'warn', code: thrown.code, message });
  };
}

function keptLabels(device: Device): string[] {
  const brought = broughtLabels(device);
  return Object.entries(brought).flatMap(([name, value]) => {
    const kept = device.labels[name];
    if (kept === undefined || kept === value) return [];
    const stands = kept === null ? `the label ${name} stays away` : `${name}=${kept} stays`;
    return [`${stands}, as a person set it, where it brings ${name}=${value}`];
  });
}
