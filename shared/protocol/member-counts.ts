/** How many devices of a rollout stand where: what the terminal and the page count by. Pure. */
import { type MemberState, memberStates } from './states.ts';

export type MemberCounts = Readonly<Record<MemberState, number>>;

export function countMembers(members: readonly { readonly state: MemberState }[]): MemberCounts {
  const counts: Record<MemberState, number> = {
    waiting: 0,
    updating: 0,
    soaking: 0,
    succeeded: 0,
    failed: 0,
    reverted: 0,
  };
  for (const { state } of members) counts[state] += 1;
  return counts;
}

/** `1 of 3 serve it, 1 failed, 1 reverted`: who serves it first, then what else there is. */
export function describeCounts(members: readonly { readonly state: MemberState }[]): string {
  const counts = countMembers(members);
  const others = memberStates.filter((state) => state !== 'succeeded' && counts[state] > 0);
  const parts = others.map((state) => `${counts[state]} ${state}`);
  return [`${counts.succeeded} of ${members.length} serve it`, ...parts].join(', ');
}
