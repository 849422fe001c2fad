/**
 * Two agents under one name, a copied disk say. A broker lets one client of a name in and throws
 * the other out, so that they take turns, and a start that was left behind is heard of again.
 */
import { FettleError } from '../shared/errors.ts';
import type { Presence } from '../shared/protocol/messages.ts';

/** Starts of one device that are remembered. */
const bootsMax = 4;

/** Returns the error where this presence tells of a second agent; null for any other. */
export function createDoubles(): (presence: Presence) => FettleError | null {
  const known = new Map<string, readonly string[]>();
  return ({ device, online, boot }) => {
    const boots = known.get(device) ?? [];
    if (!online || boots.at(-1) === boot) return null;
    known.set(device, [...boots.filter((one) => one !== boot), boot].slice(-bootsMax));
    return boots.includes(boot) ? new FettleError('DEVICE_DOUBLED', { device }) : null;
  };
}
