/**
 * Which windows of a spool have arrived: all numbers up to the highest but those in the gaps. Pure;
 * a fleet that sends in order costs one number a spool.
 */

export interface Seen {
  /** The highest number; -1 where none has arrived. */
  readonly seq: number;
  /** First and last of the numbers below it that are missing, in order. */
  readonly gaps: readonly Gap[];
}

export type Gap = readonly [first: number, last: number];

/** A spool that loses more stretches than this counts the oldest as arrived. */
export const gapsMax = 1000;

export const nothingSeen: Seen = { seq: -1, gaps: [] };

/** With the number; null where it has arrived before. */
export function see(seen: Seen, seq: number): Seen | null {
  if (seq > seen.seq) {
    if (seq === seen.seq + 1) return { seq, gaps: seen.gaps };
    const gaps: Gap[] = [...seen.gaps, [seen.seq + 1, seq - 1]];
    return { seq, gaps: gaps.slice(-gapsMax) };
  }
  const at = seen.gaps.findIndex(([first, last]) => first <= seq && seq <= last);
  const gap = seen.gaps[at];
  if (!gap) return null;
  const [first, last] = gap;
  const left: Gap[] = [
    [first, seq - 1],
    [seq + 1, last],
  ];
  const gaps = seen.gaps.toSpliced(at, 1, ...left.filter(([from, to]) => from <= to));
  return { seq: seen.seq, gaps: gaps.slice(-gapsMax) };
}
