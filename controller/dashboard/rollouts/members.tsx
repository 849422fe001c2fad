/** The devices of a rollout: those that need attention first. */
import { useState } from 'preact/hooks';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import type { MemberState } from '../../../shared/protocol/states.ts';
import { counted } from '../format/numbers.ts';
import { formatAgo } from '../format/time.ts';
import { Badge } from '../parts/glyph.tsx';
import { deviceHref } from '../state/route.ts';
import { useNow } from '../state/world.ts';

const urgency: readonly MemberState[] = [
  'failed',
  'updating',
  'soaking',
  'waiting',
  'reverted',
  'succeeded',
];
const firstLines = 25;
const moreLines = 250;

export function Members({ members }: Pick<RolloutRecord, 'members'>) {
  const [lines, setLines] = useState(firstLines);
  const now = useNow();
  const sorted = members.toSorted(
    (a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state) || a.wave - b.wave,
  );
  const shown = sorted.slice(0, lines);
  return (
    <div class="scroll-x">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Device</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Since
            </th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((member) => (
            <tr key={member.device}>
              <th scope="row">
                <a href={deviceHref(member.device)}>{member.device}</a>
              </th>
              <td>
                <Badge sign={member.state} />
              </td>
              <td class="number">{formatAgo(member.since, now)}</td>
              <td class="wrap">{member.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > shown.length && (
        <button type="button" class="button" onClick={() => setLines(lines + moreLines)}>
          Show more of {counted(sorted.length, 'device')}
        </button>
      )}
    </div>
  );
}
