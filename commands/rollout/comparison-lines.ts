/** A version against those that it replaces, a line each. Pure. */
import type { VersionComparison } from '../../shared/protocol/comparisons.ts';

export function comparisonLines(comparisons: readonly VersionComparison[]): string[] {
  return comparisons.map(({ against, devices, state, reason }) => {
    const named = devices > 0 ? `version ${against} on ${counted(devices)}` : `version ${against}`;
    const worse = state === 'falls' ? 'WORSE: ' : '';
    return `against ${named}: ${worse}${reason}`;
  });
}

function counted(devices: number): string {
  return `${devices} device${devices === 1 ? '' : 's'}`;
}
