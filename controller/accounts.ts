/** Who may log in at the embedded broker, and which broker devices are told of. */
import { brokerAddress } from '../shared/mqtt-streams.ts';
import type { DeviceBroker } from './api/enrol.ts';
import type { Account } from './broker.ts';
import { hashToken, matchesHash } from './secrets.ts';
import type { World } from './world.ts';

/**
 * For people's tools, with the administrator's token: may read every document and ask for
 * inferences. A colon can't be in a device's name.
 */
export const adminAccount = ':admin';
/** For programs that only watch, with a token of any person. */
export const viewerAccount = ':viewer';

/** Decides by the credentials. */
export function createAccounts(
  world: World,
): (username: string, password: string) => Account | null {
  const adminHash = hashToken(world.secrets.adminToken);
  return (username, given) => {
    if (username === adminAccount) {
      return matchesHash(given, adminHash) ? { role: 'admin' } : null;
    }
    if (username === viewerAccount) {
      return world.people.byToken(given, world.now()) ? { role: 'viewer' } : null;
    }
    const device = world.fleet.get(username);
    if (!device || !matchesHash(given, device.mqttHash)) return null;
    return { role: 'device', device: username };
  };
}

/**
 * What devices are told: the `deviceBroker` setting; else the external broker without the
 * controller's own credentials; else the embedded one under the name by which the device reached
 * the controller.
 */
export function deviceBrokerOf(world: World, embeddedPort: number | null): DeviceBroker {
  const { deviceBroker, broker } = world.settings;
  const told = deviceBroker === null ? null : new URL(deviceBroker);
  return (hostname) => {
    if (told) {
      const [username, password] = [told.username, told.password].map(decodeURIComponent);
      return { url: brokerAddress(told), username: username || null, password: password || null };
    }
    const url =
      broker !== null && embeddedPort === null
        ? brokerAddress(new URL(broker))
        : `mqtt://${hostname}:${embeddedPort}`;
    return { url, username: null, password: null };
  };
}
