/** A version against those that it replaces, a line each. */
import type { VersionComparison } from '../../../shared/protocol/comparisons.ts';

interface Props {
  readonly comparisons: readonly VersionComparison[];
}

export function ComparisonList({ comparisons }: Props) {
  if (comparisons.length === 0) return null;
  return (
    <ul class="notes">
      {comparisons.map(({ against, state, reason }) => (
        <li key={against}>
          Against version {against}:{' '}
          <span class={state === 'falls' ? 'sign-text-failed' : ''}>{reason}</span>
        </li>
      ))}
    </ul>
  );
}
