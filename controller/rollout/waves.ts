/** How many devices each wave lets in. */
import { FettleError } from '../../shared/errors.ts';
import type { Wave } from '../../shared/protocol/rollouts.ts';

export type WaveTable = readonly Wave[];

/** One canary, then everybody: the smallest table that tries before it spreads. */
export const defaultWaves: WaveTable = [{ count: 1 }, { percent: 100 }];

/**
 * The waves as they will be run: each says a count or a share, not both, and the last one takes
 * everybody. Throws `BAD_ARGUMENT`.
 */
export function normalWaves(waves: WaveTable): WaveTable {
  for (const [index, { count, percent }] of waves.entries()) {
    if ((count === undefined) !== (percent === undefined)) continue;
    const got = count === undefined ? 'neither' : 'both';
    const what = `wave ${index + 1}`;
    throw new FettleError('BAD_ARGUMENT', { what, expected: 'a count or a percent', got });
  }
  requireRising(waves);
  return waves.at(-1)?.percent === 100 ? waves : [...waves, { percent: 100 }];
}

/** Counts and shares each among themselves: neither says how large the other is. */
function requireRising(waves: WaveTable): void {
  for (const [index, wave] of waves.entries()) {
    const [count, percent] = [wave.count ?? 0, wave.percent ?? 0];
    const before = waves.slice(0, index);
    const counts = Math.max(0, ...before.map((other) => other.count ?? 0));
    const shares = Math.max(0, ...before.map((other) => other.percent ?? 0));
    if ((count > 0 ? count > counts : percent > shares) && shares < 100) continue;
    const most = shares === 100 ? '100%' : count > 0 ? counts : `${shares}%`;
    const expected = `more than the ${most} of the waves before`;
    const got = count > 0 ? count : `${percent}%`;
    throw new FettleError('BAD_ARGUMENT', { what: `wave ${index + 1}`, expected, got });
  }
}

/**
 * How many of `members` devices are in by the end of this wave; never fewer than by the end of the
 * one before.
 */
export function targetOf(waves: WaveTable, wave: number, members: number): number {
  const targets = waves
    .slice(0, wave)
    .map(({ count, percent }) =>
      count === undefined ? Math.ceil((members * (percent ?? 100)) / 100) : count,
    );
  return Math.min(members, Math.max(0, ...targets));
}
