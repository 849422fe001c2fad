/** Figures of gates against their thresholds, with the sentence that says so. Pure. */
import type { Verdict } from '../../shared/protocol/rollouts.ts';

/** What a gate found, before it is said of which class. */
export type Found = Omit<Verdict, 'class'>;

/** The figure with the version of the rollout, and what it is compared with. */
export type Pair = readonly [now: number, before: number];

interface Ratio {
  readonly gate: Found['gate'];
  readonly against: 'baseline' | 'control';
  readonly pairs: readonly Pair[];
  readonly threshold: number;
  readonly samples: number;
  readonly what: string;
  readonly unit: string;
  readonly noise: number;
  readonly lacking: string;
}

/** The median of how many times larger the figure is now. */
export function ratio(of: Ratio): Found {
  const { gate, against, pairs, threshold, samples, what, unit } = of;
  const common = { gate, against, threshold, samples };
  if (pairs.length === 0) {
    const whose = against === 'baseline' ? 'before and after' : 'with it and with another version';
    const reason = `no data: no device has ${of.lacking} ${whose}, for ${what}`;
    return { ...common, value: null, state: 'no data', reason };
  }
  const value = median(pairs.map(([now, before]) => now / Math.max(before, 1e-9)));
  const rise = median(pairs.map(([now, before]) => now - before));
  const now = median(pairs.map(([after]) => after));
  const whose = against === 'baseline' ? 'its baseline' : 'devices not updated';
  const times = `${figure(value)} × ${whose}, at most ${threshold} ×`;
  const reason = `${what} ${figure(now)} ${unit} is ${times}`;
  const state = value > threshold && rise > of.noise ? 'breached' : 'holds';
  return { ...common, value, state, reason };
}

/** One value against one bound; no gate where that is null. */
export function limit(of: {
  readonly gate: Found['gate'];
  readonly threshold: number | null;
  readonly values: readonly number[];
  readonly value: number;
  readonly unit: string;
  readonly what: (text: string) => string;
  readonly least?: boolean;
  readonly against?: 'limit' | 'baseline';
}): Found[] {
  const { gate, threshold, values, value, unit, what, least = false, against = 'limit' } = of;
  if (threshold === null) return [];
  const common = { gate, against, threshold, samples: values.length };
  if (values.length === 0) {
    const reason = `no data: no device reports ${what('').trim()}`;
    return [{ ...common, value: null, state: 'no data', reason }];
  }
  const breached = least ? value < threshold : value > threshold;
  const bound = `${least ? 'at least' : 'at most'} ${threshold}${unit && ` ${unit}`}`;
  const reason = what(`${figure(value)}${unit && ` ${unit}`}, ${bound}`);
  return [{ ...common, value, state: breached ? 'breached' : 'holds', reason }];
}

/** 0 where there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) return 0;
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}

/** Three digits. */
export function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}
