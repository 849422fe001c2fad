/** Which variants of a model the fleet serves, and how fast they are there. */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import type { Serving } from '../../../shared/protocol/messages.ts';

export interface ClassUse {
  readonly hardwareClass: string;
  readonly recipeName: string;
  readonly devices: number;
  /** Median over the devices of their p50 in the last minute; null where none reports one. */
  readonly medianMsP50: number | null;
  readonly serving: Serving;
}

export interface Usage {
  readonly devices: number;
  /** Devices by the digest of the variant they serve. */
  readonly byVariant: ReadonlyMap<string, number>;
  /** Variants by hardware class, the most used first. */
  readonly byClass: readonly ClassUse[];
}

export function usageOf(
  devices: Iterable<DeviceSummary>,
  model: { readonly name: string; readonly version: number },
): Usage {
  const users = [...devices].flatMap((device) => {
    const serving = device.reported?.serving;
    const serves = serving && serving.model === model.name && serving.version === model.version;
    return serves ? [{ device, serving }] : [];
  });
  const byVariant = new Map<string, number>();
  for (const { serving } of users) {
    byVariant.set(serving.variant, (byVariant.get(serving.variant) ?? 0) + 1);
  }
  const groups = Map.groupBy(
    users,
    ({ device, serving }) => `${device.hardwareClass ?? ''}\n${serving.variant}`,
  );
  const byClass = [...groups.values()].flatMap((group): ClassUse[] => {
    const first = group[0];
    if (first === undefined) return [];
    return [
      {
        hardwareClass: first.device.hardwareClass ?? 'not profiled',
        recipeName: first.serving.recipeName,
        devices: group.length,
        medianMsP50: median(group.flatMap(({ device }) => device.recent?.latencyMsP50 ?? [])),
        serving: first.serving,
      },
    ];
  });
  byClass.sort((a, b) => b.devices - a.devices || (a.hardwareClass < b.hardwareClass ? -1 : 1));
  return { devices: users.length, byVariant, byClass };
}

function median(values: readonly number[]): number | null {
  const sorted = values.filter((value) => value > 0).sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
