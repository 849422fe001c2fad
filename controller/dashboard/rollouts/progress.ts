/** How far a rollout is, wave by wave. */
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { type MemberState, memberStates } from '../../../shared/protocol/states.ts';

export type MemberTally = Readonly<Record<MemberState, number>>;

export interface WaveProgress {
  /** Counted from 1, as people count. */
  readonly number: number;
  readonly size: number;
  readonly members: MemberTally;
  readonly stage: 'done' | 'current' | 'ahead';
}

export interface RolloutProgress {
  readonly waves: readonly WaveProgress[];
  readonly size: number;
  readonly members: MemberTally;
  /** Devices that are through, whether they succeeded, failed or were given back. */
  readonly finished: number;
}

export function progressOf(rollout: RolloutRecord): RolloutProgress {
  const groups = Map.groupBy(rollout.members, (member) => member.wave);
  const ended = rollout.endedAt !== null;
  const waves = [...groups]
    .sort(([a], [b]) => a - b)
    .map(([wave, members], index): WaveProgress => {
      const counts = countStates(members);
      const through = counts.succeeded + counts.failed + counts.reverted === members.length;
      const ahead = wave > rollout.wave || counts.waiting === members.length;
      const stage = through ? 'done' : ahead || ended ? 'ahead' : 'current';
      return { number: index + 1, size: members.length, members: counts, stage };
    });
  const members = countStates(rollout.members);
  const finished = members.succeeded + members.failed + members.reverted;
  return { waves, size: rollout.members.length, members, finished };
}

/** Rollouts a person wants to see first: those that are under way, then the newest. */
export function byInterest(a: RolloutRecord, b: RolloutRecord): number {
  const under = Number(b.endedAt === null) - Number(a.endedAt === null);
  return under || (a.createdAt < b.createdAt ? 1 : -1);
}

function countStates(members: readonly { readonly state: MemberState }[]): MemberTally {
  const counts: Record<MemberState, number> = {
    waiting: 0,
    updating: 0,
    soaking: 0,
    succeeded: 0,
    failed: 0,
    reverted: 0,
  };
  for (const member of members) counts[member.state] += 1;
  return counts;
}

/** In the order bars are drawn: what is through first. */
export const barStates = [...memberStates].reverse();
