/**
 * What gates have to go by. Pure. Most need traffic: a gate without data holds nothing, so that it
 * is said beforehand which can speak, and an owner may require that they do.
 */
import type { GateName } from '../../shared/protocol/gate-names.ts';
import type { WaveOutlook } from '../../shared/protocol/outlook.ts';
import type { Usage } from '../../shared/protocol/usage.ts';
import { keyOf } from './breach.ts';
import type { DeviceView, Member, RolloutInput } from './plan.ts';

type Devices = ReadonlyMap<string, DeviceView>;

/** Classes that serve the version and of which the traffic says nothing, where it is to. */
export function silentClasses(rollout: RolloutInput, devices: Devices): ReadonlySet<string> {
  const { requireData, members, gates, accepted } = rollout;
  if (!requireData || (gates.errorRise === null && gates.latencyRatio === null)) return new Set();
  const classes = Map.groupBy(members, (member) => member.class);
  const silent = [...classes].filter(([own, ofClass]) => {
    const key = { gate: dataGate(rollout), against: 'baseline', class: own } as const;
    return !accepted.includes(keyOf(key)) && requestsOf(ofClass, devices) < gates.minRequests;
  });
  return new Set(silent.map(([own]) => own));
}

/** The gate that speaks for missing data. */
export function dataGate({ gates }: Pick<RolloutInput, 'gates'>): 'errors' | 'latency' {
  return gates.errorRise === null ? 'latency' : 'errors';
}

/** One of them has served it for its soak and as long again as silence may last. */
export function isOverdue(
  { soakSeconds, timeoutSeconds }: RolloutInput,
  members: readonly Member[],
  nowMs: number,
): boolean {
  const limitMs = (soakSeconds + timeoutSeconds) * 1000;
  return members.some(
    ({ state, sinceMs }) => state === 'soaking' && sinceMs !== null && nowMs - sinceMs > limitMs,
  );
}

function requestsOf(members: readonly Member[], devices: Devices): number {
  return members.reduce((sum, { device, state }) => {
    const view = devices.get(device);
    return sum + (view?.ours && state !== 'reverted' ? (view.usage?.requests ?? 0) : 0);
  }, 0);
}

export function outlookOf(
  { gates, waves }: Pick<RolloutInput, 'gates' | 'waves'>,
  members: readonly Member[],
  devices: Devices,
): WaveOutlook[] {
  const groups = Map.groupBy(members, ({ wave }) => wave);
  return waves.flatMap((_, index) => {
    const group = groups.get(index + 1) ?? [];
    if (group.length === 0) return [];
    const usages = group.flatMap(({ device }) => {
      const view = devices.get(device);
      return (view?.ours ? view.usage : view?.otherUsage) ?? [];
    });
    const needs = needsOf(gates, usages);
    const requests = usages.reduce((sum, usage) => sum + usage.requests, 0);
    return {
      ...{ wave: index + 1, devices: group.length, requests },
      speak: needs.filter(([, need]) => need === null).map(([gate]) => gate),
      silent: needs.flatMap(([gate, need]) => (need === null ? [] : { gate, needs: need })),
    };
  });
}

/** What each gate that is not off lacks; null is nothing. */
function needsOf(
  gates: RolloutInput['gates'],
  usages: readonly Usage[],
): (readonly [GateName, string | null])[] {
  const { minRequests } = gates;
  const all = usages.reduce((sum, { requests }) => sum + requests, 0);
  const busiest = Math.max(0, ...usages.map(({ requests }) => requests));
  const one = `${minRequests} requests a minute on one device, the busiest has ${busiest}`;
  const traffic = busiest >= minRequests ? null : one;
  const together = `${minRequests} requests a minute of a class, there are ${all}`;
  const hot = usages.some(({ temperatureC }) => temperatureC !== null);
  const outputs = gates.liveAgreement ?? gates.outputDrift;
  const rows: readonly (readonly [GateName, number | null, string | null])[] = [
    ['failures', 0, null],
    ['latency', gates.latencyRatio, traffic],
    ['errors', gates.errorRise, all >= minRequests ? null : together],
    ['memory', gates.memoryRatio, usages.length > 0 ? null : 'telemetry of the version before'],
    ['temperature', gates.temperatureC, hot ? null : 'a device that reports its temperature'],
    ['golden', gates.goldenAgreement, null],
    ['outputs', outputs, traffic],
  ];
  return rows.flatMap(([gate, threshold, need]) =>
    threshold === null ? [] : [[gate, need] as const],
  );
}
