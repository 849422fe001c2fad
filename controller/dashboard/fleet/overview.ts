/** The fleet in a few numbers: totals, and what each hardware class settled on. */
import type { DeviceSummary } from '../../../shared/protocol/api.ts';
import { type Tally, tally } from '../state/health.ts';

export interface Totals {
  readonly requestsPerSecond: number;
  readonly errors: number;
  /** p95 of the device in the middle; null where none reports one. */
  readonly medianMsP95: number | null;
}

export interface ClassLine {
  readonly name: string;
  readonly devices: number;
  readonly health: Tally;
  /** What most of the class serve, and how many of them. */
  readonly variant: string | null;
  readonly variantShare: number;
  readonly medianMsP95: number | null;
}

export function totalsOf(devices: readonly DeviceSummary[]): Totals {
  const recent = devices.flatMap((device) =>
    device.online && device.recent !== null ? [device.recent] : [],
  );
  return {
    requestsPerSecond: recent.reduce((sum, entry) => sum + entry.requestsPerSecond, 0),
    errors: recent.reduce((sum, entry) => sum + entry.errors, 0),
    medianMsP95: medianOf(devices),
  };
}

/**
 * One line a hardware class, the largest first; devices that never said what they are come last.
 */
export function classLines(devices: readonly DeviceSummary[]): ClassLine[] {
  const groups = Map.groupBy(devices, (device) => device.hardwareClass ?? '');
  const lines = [...groups].map(([name, members]) => {
    const [variant, serving] = mostCommon(
      members.flatMap((device) => device.reported?.serving?.recipeName ?? []),
    );
    return {
      name,
      devices: members.length,
      health: tally(members),
      variant,
      variantShare: serving / members.length,
      medianMsP95: medianOf(members),
    };
  });
  return lines.sort(
    (a, b) =>
      Number(a.name === '') - Number(b.name === '') ||
      b.devices - a.devices ||
      (a.name < b.name ? -1 : 1),
  );
}

function medianOf(devices: readonly DeviceSummary[]): number | null {
  const values = devices
    .flatMap((device) => device.recent?.latencyMsP95 ?? [])
    .filter((value) => value > 0)
    .sort((a, b) => a - b);
  return values[Math.floor((values.length - 1) / 2)] ?? null;
}

function mostCommon(words: readonly string[]): readonly [string | null, number] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  let best: readonly [string | null, number] = [null, 0];
  for (const entry of counts) if (entry[1] > best[1]) best = entry;
  return best;
}
