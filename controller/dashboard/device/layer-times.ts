/** What layers got, and their times before and after. */
import type { Tuning } from '../../../shared/protocol/tuning.ts';
import { absent, counted, formatRatio, threeDigits } from '../format/numbers.ts';

export type Layers = NonNullable<Tuning['layers']>;

/** `16 layers, 412 µs in the source, 121 µs as chosen`. */
export function summaryOf(layers: Layers): string {
  const timed = layers.filter(({ beforeUs, afterUs }) => beforeUs !== null && afterUs !== null);
  const count = counted(layers.length, 'layer');
  if (timed.length === 0) return `${count}; their times were not measured here`;
  const total = (of: (layer: Layers[number]) => number | null) =>
    microseconds(timed.reduce((sum, layer) => sum + (of(layer) ?? 0), 0));
  const [before, after] = [total((layer) => layer.beforeUs), total((layer) => layer.afterUs)];
  return `${count}, ${before} in the source, ${after} as chosen`;
}

export function slowestFirst(layers: Layers): Layers {
  return layers.toSorted((a, b) => timeOf(b) - timeOf(a));
}

/** Where a time is not known the layer goes last. */
export function timeOf({ beforeUs, afterUs }: Layers[number]): number {
  return Math.max(beforeUs ?? -1, afterUs ?? -1);
}

export function ratioOf({ beforeUs, afterUs }: Layers[number]): string {
  return beforeUs === null || afterUs === null || afterUs <= 0
    ? absent
    : formatRatio(beforeUs / afterUs);
}

/** Output channels that were kept: `24 of 32`. */
export function channelsOf({ channels }: Layers[number]): string {
  return channels === undefined ? 'all' : `${channels.kept} of ${channels.of}`;
}

export function microseconds(us: number): string {
  return us >= 999.5 ? `${threeDigits(us / 1000)}\u202fms` : `${threeDigits(us)}\u202fµs`;
}
