/**
 * Tells Home Assistant, over the broker, which devices there are and how they do; only where the
 * settings ask for it.
 */
import { FettleError } from '../../shared/errors.ts';
import type { Summary } from '../../shared/protocol/summary.ts';
import type { Device } from '../fleet.ts';
import type { Link } from '../link.ts';
import { summaryOf } from '../summary.ts';
import type { World } from '../world.ts';
import { discoveryOf, topicsOf } from './discovery.ts';

export interface Announcer {
  /** Everything again: the broker may have forgotten it. */
  repeat(): void;
  /** The device is no more. */
  forget(device: string): void;
  stop(): void;
}

/** Figures of a device are told so often at most. */
const everyMs = 5000;

/** null where nobody asks for it. Throws `BAD_SETTING`. */
export function openAnnouncer(world: World, link: Link): Announcer | null {
  const prefix = world.settings.homeAssistant;
  if (prefix === null) return null;
  if (/^[\w-]{1,64}$/.test(prefix)) return startAnnouncer(world, link, prefix);
  const expected = 'a discovery prefix such as homeassistant';
  throw new FettleError('BAD_SETTING', { setting: '--home-assistant', expected, got: prefix });
}

function startAnnouncer(world: World, link: Link, prefix: string): Announcer {
  const { fleet, live } = world;
  /** What was told last, by device. */
  const told = new Map<string, { config: string; summary: string }>();
  const changed = new Set<string>(fleet.devices.keys());
  const publish = (topic: string, document: object | null) => {
    link
      .publishRetained(topic, document)
      .catch((thrown) => world.log.warn({ err: thrown }, 'Home Assistant was not told'));
  };
  const tell = (device: Device) => {
    const shown = summaryOf(device, world.now());
    const discovered = discoveryOf(shown, prefix);
    const [config, summary] = [JSON.stringify(discovered), JSON.stringify(shown.recent)];
    const before = told.get(device.device);
    told.set(device.device, { config, summary });
    if (before?.config !== config) for (const one of discovered) publish(one.topic, one.config);
    if (before?.summary === summary) return;
    const address = { device: device.device, channel: 'summary' } as const;
    link
      .publish(address, summaryMessage(device.device, shown.recent))
      .catch((thrown) => world.log.warn({ err: thrown }, 'Home Assistant was not told'));
  };
  const round = () => {
    for (const name of changed) {
      const device = fleet.get(name);
      if (device) tell(device);
    }
    changed.clear();
    // Figures cover the last minute: they fall silent with a device that does.
    for (const [name, { summary }] of told) if (summary !== 'null') changed.add(name);
  };
  const unwatch = live.watch(({ name, key }) => {
    if (name !== 'device' && name !== 'reading') return;
    const device = fleet.get(key.slice(key.indexOf('/') + 1));
    if (device === null) return;
    if (told.has(device.device)) changed.add(device.device);
    else tell(device);
  });
  const timer = setInterval(round, everyMs);
  round();
  return {
    repeat() {
      told.clear();
      for (const name of fleet.devices.keys()) changed.add(name);
      round();
    },
    forget(device) {
      told.delete(device);
      for (const topic of topicsOf(device, prefix)) publish(topic, null);
      link
        .publish({ device, channel: 'summary' })
        .catch((thrown) => world.log.warn({ err: thrown }, 'Home Assistant was not told'));
    },
    stop() {
      clearInterval(timer);
      unwatch();
    },
  };
}

type Recent = ReturnType<typeof summaryOf>['recent'];

/** Without telemetry of the last minute nothing is known, and said to be. */
function summaryMessage(device: string, recent: Recent): Summary {
  return {
    v: 1,
    device,
    requestsPerSecond: recent?.requestsPerSecond ?? null,
    errors: recent?.errors ?? null,
    latencyMsP50: recent?.latencyMsP50 ?? null,
    latencyMsP95: recent?.latencyMsP95 ?? null,
    memoryMiB: recent?.memoryMiB ?? null,
    temperatureC: recent?.temperatureC ?? null,
  };
}
