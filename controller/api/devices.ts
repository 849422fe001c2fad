/** The fleet: its list, one device in detail, its labels and its removal. */

import * as v from 'valibot';
import { notFound } from '../../shared/not-found.ts';
import { DeviceDetail, DeviceSummary, TelemetryAnswer } from '../../shared/protocol/api.ts';
import type { VersionComparison } from '../../shared/protocol/comparisons.ts';
import { LogEntry, logKinds } from '../../shared/protocol/device-log.ts';
import { Instant, Labels, Name } from '../../shared/protocol/fields.ts';
import {
  changeLabels,
  deviceDetail,
  explainDevice,
  setLabels,
  setTelemetrySeconds,
} from '../devices.ts';
import { listEvents } from '../events-page.ts';
import { type Device, labelsOf } from '../fleet.ts';
import { factsOf } from '../rollout/facts.ts';
import { parseSelector } from '../rollout/selector.ts';
import { summaryOf } from '../summary.ts';
import { telemetryOf } from '../telemetry.ts';
import type { World } from '../world.ts';
import { type Api, addRoute, PageQuery, pageFrom, pageOf, queryCount } from './route.ts';

const DevicePath = v.object({ device: Name });

const LabelChanges = v.record(Name, v.nullable(v.pipe(v.string(), v.maxLength(64))));
const Seconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3600));
const DeviceChanges = v.strictObject({ telemetrySeconds: v.nullable(Seconds) });
const DeviceSettings = v.object({ device: Name, telemetrySeconds: v.number() });

const Why = v.object({
  device: Name,
  sentence: v.string(),
  quality: v.nullable(v.string()),
  proof: v.nullable(v.string()),
  waitsFor: v.nullable(v.string()),
  since: v.nullable(Instant),
});

export interface DeviceDoors {
  /** What it serves against the version before. */
  readonly beforeOf: (device: Device) => Promise<VersionComparison | null>;
  readonly onRemoved: (device: string) => Promise<void>;
  /** Its labels changed: other rollouts may select it now. */
  readonly onLabels: (device: string) => void;
  /** It is to send telemetry so often. */
  readonly onTelemetry: (device: string, seconds: number) => void;
}

export function addDeviceRoutes(api: Api, world: World, doors: DeviceDoors): void {
  const find = (name: string): Device => {
    const device = world.fleet.get(name);
    if (!device) throw notFound({ what: 'device', name, known: world.fleet.devices.keys() });
    return device;
  };
  addReadingRoutes(api, world, { ...doors, find });
  addHistoryRoutes(api, world, find);
  addChangingRoutes(api, world, { ...doors, find });
}

type ReadingDoors = Pick<DeviceDoors, 'beforeOf'> & { readonly find: Find };

function addReadingRoutes(api: Api, world: World, { find, beforeOf }: ReadingDoors): void {
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/devices',
    summary: 'The devices of the fleet by name',
    tag: 'devices',
    access: 'viewer',
    query: v.object({ ...PageQuery, selector: v.optional(v.string()) }),
    answers: { 200: pageOf(DeviceSummary) },
    handle({ query: { selector, cursor, ...query } }) {
      const selects = parseSelector(selector ?? '');
      const chosen = [...world.fleet.devices.values()]
        // The device that the cursor names may be gone by now.
        .filter(({ device }) => cursor === undefined || device > cursor)
        .filter((device) => selects(labelsOf(device), () => factsOf(device)))
        .sort((a, b) => (a.device < b.device ? -1 : 1));
      const page = pageFrom(chosen, query, ({ device }) => device);
      return { ...page, items: page.items.map((device) => summaryOf(device, world.now())) };
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/devices/:device',
    summary: 'One device with its profile, tuning, events and last telemetry windows',
    tag: 'devices',
    access: 'viewer',
    params: DevicePath,
    answers: { 200: DeviceDetail },
    async handle({ params }) {
      const device = find(params.device);
      return await deviceDetail(world, device, await beforeOf(device));
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/devices/:device/why',
    summary: 'What the device runs and why, what it waits for and since when',
    tag: 'devices',
    access: 'viewer',
    params: DevicePath,
    answers: { 200: Why },
    async handle({ params }) {
      const device = find(params.device);
      return explainDevice(world, device, await beforeOf(device));
    },
  });
}

type Find = (name: string) => Device;

function addHistoryRoutes(api: Api, world: World, find: Find): void {
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/devices/:device/telemetry',
    summary: 'Telemetry between two instants: single windows, or merged by the minute or hour',
    tag: 'devices',
    access: 'viewer',
    params: DevicePath,
    query: v.object({ from: Instant, to: v.optional(Instant) }),
    answers: { 200: TelemetryAnswer },
    async handle({ params, query }) {
      const { device } = find(params.device);
      const toMs = query.to === undefined ? world.now() : Date.parse(query.to);
      return await telemetryOf(world, device, { fromMs: Date.parse(query.from), toMs });
    },
  });
  addRoute(api, {
    method: 'GET',
    url: '/api/v1/devices/:device/events',
    summary: 'The log of the device by the time of happening, the newest first',
    tag: 'devices',
    access: 'viewer',
    params: DevicePath,
    query: v.object({
      limit: queryCount(1, 1000),
      cursor: v.optional(v.string()),
      kind: v.optional(v.picklist(logKinds)),
    }),
    answers: { 200: pageOf(LogEntry) },
    handle: ({ params, query }) => listEvents(world, find(params.device).device, query),
  });
}

function addChangingRoutes(
  api: Api,
  world: World,
  { find, onLabels, onTelemetry, onRemoved }: DeviceDoors & { readonly find: Find },
): void {
  const relabel = async (name: string, change: (device: Device) => Promise<void>) => {
    const device = find(name);
    await change(device);
    onLabels(device.device);
    return summaryOf(device, world.now());
  };
  addRoute(api, {
    method: 'PUT',
    url: '/api/v1/devices/:device/labels',
    summary: 'Replaces the labels that people gave a device',
    tag: 'devices',
    access: 'operator',
    params: DevicePath,
    body: Labels,
    answers: { 200: DeviceSummary },
    async handle({ params, body }) {
      return await relabel(params.device, (device) => setLabels(world, device, body));
    },
  });
  addRoute(api, {
    method: 'PATCH',
    url: '/api/v1/devices/:device/labels',
    summary: 'Changes the labels that people gave a device; null takes one away (RFC 7396)',
    tag: 'devices',
    access: 'operator',
    params: DevicePath,
    body: LabelChanges,
    answers: { 200: DeviceSummary },
    async handle({ params, body }) {
      return await relabel(params.device, (device) => changeLabels(world, device, body));
    },
  });
  addRoute(api, {
    method: 'PATCH',
    url: '/api/v1/devices/:device',
    summary: 'How often the device sends telemetry; null is as the settings of the controller say',
    tag: 'devices',
    access: 'operator',
    params: DevicePath,
    body: DeviceChanges,
    answers: { 200: DeviceSettings },
    async handle({ params, body: { telemetrySeconds } }) {
      const device = find(params.device);
      await setTelemetrySeconds(world, device, telemetrySeconds);
      const told = telemetrySeconds ?? world.settings.telemetrySeconds;
      onTelemetry(device.device, told);
      return { device: device.device, telemetrySeconds: told };
    },
  });
  addRoute(api, {
    method: 'DELETE',
    url: '/api/v1/devices/:device',
    summary: 'Takes a device out of the fleet; its secrets are void',
    tag: 'devices',
    access: 'admin',
    params: DevicePath,
    answers: { 204: null },
    async handle({ params, reply }) {
      await onRemoved(find(params.device).device);
      reply.code(204);
    },
  });
}
