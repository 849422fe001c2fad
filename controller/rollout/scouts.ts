/** Devices of each hardware class that go before the others of it. Pure. */
import { isOpen } from './member.ts';
import type { Member } from './plan.ts';

export interface ClassScouts {
  /** How many of the class may be admitted for now: any number once its scouts serve it. */
  readonly missing: number;
  /** One that is under way and waited for, or null. */
  readonly waited: string | null;
}

/** By hardware class. */
export function scoutsOf(
  counted: readonly Member[],
  scouts: number,
): ReadonlyMap<string, ClassScouts> {
  const classes = Map.groupBy(counted, (member) => member.class);
  return new Map([...classes].map(([own, members]) => [own, ofClass(members, scouts)]));
}

function ofClass(members: readonly Member[], scouts: number): ClassScouts {
  const through = members.filter(({ state }) => state === 'succeeded').length;
  const wanted = Math.min(scouts, members.length);
  if (through >= wanted) return { missing: Number.POSITIVE_INFINITY, waited: null };
  const open = members.filter(isOpen);
  const missing = Math.max(0, wanted - through - open.length);
  return { missing, waited: open[0]?.device ?? null };
}
