/** What a person wants to know of a device first, as one word. */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import type { DeviceState } from '../../../shared/protocol/states.ts';

/** In the order of urgency: what needs a person comes first. */
export const healths = [
  'failed',
  'offline',
  'proving',
  'tuning',
  'fetching',
  'idle',
  'serving',
] as const satisfies readonly (DeviceState | 'offline')[];
export type Health = (typeof healths)[number];

/**
 * A device that is not connected is offline whatever it reported last; one that never reported is
 * idle.
 */
export function healthOf(device: DeviceSummary): Health {
  if (!device.online) return 'offline';
  return device.reported?.state ?? 'idle';
}

/**
 * What else is worth a word beside the health: an older variant that still serves, a goal not yet
 * taken up.
 */
export function healthNote(device: DeviceSummary): string {
  const { reported } = device;
  if (reported === null) return device.online ? 'no report yet' : 'never reported';
  if (device.online && reported.revision < device.desiredRevision) return 'new goal on its way';
  if (reported.state === 'failed') {
    const code = reported.error?.code ?? 'unknown error';
    return reported.serving ? `${code}, ${reported.serving.recipeName} still serves` : code;
  }
  return reported.state === 'serving' ? '' : reported.reason;
}

export type Tally = Readonly<Record<Health, number>>;

export const noTally: Tally = {
  failed: 0,
  offline: 0,
  proving: 0,
  tuning: 0,
  fetching: 0,
  idle: 0,
  serving: 0,
};
