/** How far a rollout is, wave by wave. */

import { countMembers, type MemberCounts } from '../../../shared/protocol/member-counts.ts';
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import { memberStates } from '../../../shared/protocol/states.ts';

export interface WaveProgress {
  /** Counted from 1, as people count. */
  readonly number: number;
  readonly size: number;
  readonly members: MemberCounts;
  readonly stage: 'done' | 'current' | 'ahead';
}

export interface RolloutProgress {
  readonly waves: readonly WaveProgress[];
  readonly size: number;
  readonly members: MemberCounts;
  /** Devices that serve it, as the terminal counts them. */
  readonly done: number;
}

export function progressOf(rollout: RolloutRecord): RolloutProgress {
  const groups = Map.groupBy(rollout.members, (member) => member.wave);
  const ended = rollout.endedAt !== null;
  const waves = [...groups]
    .sort(([a], [b]) => a - b)
    .map(([wave, members], index): WaveProgress => {
      const counts = countMembers(members);
      const through = counts.succeeded + counts.failed + counts.reverted === members.length;
      const ahead = wave > rollout.wave || counts.waiting === members.length;
      const stage = through ? 'done' : ahead || ended ? 'ahead' : 'current';
      return { number: index + 1, size: members.length, members: counts, stage };
    });
  const members = countMembers(rollout.members);
  return { waves, size: rollout.members.length, members, done: members.succeeded };
}

/** Rollouts a person wants to see first: those that are under way, then the newest. */
export function byInterest(a: RolloutRecord, b: RolloutRecord): number {
  const under = Number(b.endedAt === null) - Number(a.endedAt === null);
  return under || (a.createdAt < b.createdAt ? 1 : -1);
}

/** In the order bars are drawn: what is through first. */
export const barStates = [...memberStates].reverse();
