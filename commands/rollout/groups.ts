/** The devices of a rollout by wave and hardware class, and what each group waits for. Pure. */
import type { RolloutRecord } from '../../shared/protocol/rollouts.ts';
import type { MemberState } from '../../shared/protocol/states.ts';

export interface MemberGroup {
  readonly wave: number;
  readonly class: string;
  readonly devices: number;
  readonly done: number;
  readonly failed: number;
  /** What it waits for, or how it stands; and since when. */
  readonly waits: string;
  readonly since: string | null;
}

type RolloutMember = RolloutRecord['members'][number];

/** Those under way explain a group best, then what failed, then who waits. */
const telling: readonly MemberState[] = [
  'updating',
  'soaking',
  'failed',
  'waiting',
  'reverted',
  'succeeded',
];

export function groupMembers({ members, since }: RolloutRecord): MemberGroup[] {
  const groups = Map.groupBy(members, ({ wave, class: own }) => `${wave} ${own}`);
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group.toSorted(byTelling);
      return first ? [groupOf(group, first, since)] : [];
    })
    .sort((a, b) => a.wave - b.wave || (a.class < b.class ? -1 : 1));
}

function byTelling(a: RolloutMember, b: RolloutMember): number {
  const order = telling.indexOf(a.state) - telling.indexOf(b.state);
  return order || ((a.since ?? '') < (b.since ?? '') ? -1 : 1);
}

function groupOf(
  group: readonly RolloutMember[],
  first: RolloutMember,
  since: string | null,
): MemberGroup {
  const count = (state: MemberState) => group.filter((member) => member.state === state).length;
  const named = first.state === 'waiting' || first.state === 'succeeded' ? '' : `${first.device}: `;
  return {
    ...{ wave: first.wave, class: first.class, devices: group.length },
    done: count('succeeded'),
    failed: count('failed'),
    waits: `${named}${first.reason}`,
    since: first.since ?? since,
  };
}
