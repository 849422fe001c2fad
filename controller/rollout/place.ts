/** In which order devices that wait will be given the model, and in which wave. Pure. */
import { isAdmitted } from './member.ts';
import type { DeviceView, Member, RolloutInput } from './plan.ts';
import { targetOf, type WaveTable } from './waves.ts';

interface Placing {
  readonly waves: WaveTable;
  readonly wave: number;
  readonly stops: RolloutInput['stops'];
  readonly members: readonly Member[];
}

/** Members that waves are counted over: those of a stopped class and those given back are out. */
export function countedMembers({ members, stops }: Pick<Placing, 'members' | 'stops'>): Member[] {
  const stopped = new Set(stops.map((stop) => stop.class));
  return members.filter((member) => !stopped.has(member.class) && member.state !== 'reverted');
}

/**
 * All members; who waits has its wave, is told for what, and stands in the order in which it will
 * be admitted: those online first, then one of each hardware class in turn, then by name.
 */
export function placeWaiting(
  rollout: Placing,
  devices: ReadonlyMap<string, DeviceView>,
  why: string,
): Member[] {
  const { waves, wave, members } = rollout;
  const counted = countedMembers(rollout);
  const admitted = counted.filter(isAdmitted);
  const waiting = inTurns(counted, devices);
  const placed = waiting.map((member, index) => {
    let own = wave;
    while (own < waves.length && admitted.length + index >= targetOf(waves, own, counted.length)) {
      own += 1;
    }
    const turn = own > wave ? why : `waits for wave ${own}`;
    const reason = member.offline ? member.reason : turn;
    return { ...member, wave: own, reason };
  });
  const known = new Set(counted);
  const out = members
    .filter((member) => !known.has(member))
    .map((member) => (isAdmitted(member) ? member : heldBack(member, rollout)));
  return [...admitted, ...placed, ...out];
}

/** Online first; within that, the members of each class in turn: a wave has some of each. */
function inTurns(
  counted: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
): readonly Member[] {
  const rank = ({ device }: Member) => (devices.get(device)?.online ? 0 : 1);
  const seen = new Map<string, number>();
  const turn = (member: Member) => {
    const count = seen.get(member.class) ?? 0;
    seen.set(member.class, count + 1);
    return count;
  };
  for (const member of counted) if (isAdmitted(member)) turn(member);
  return counted
    .filter((member) => !isAdmitted(member))
    .sort((a, b) => rank(a) - rank(b) || byName(a, b))
    .map((member) => ({ member, turn: turn(member) }))
    .sort(
      (a, b) =>
        rank(a.member) - rank(b.member) ||
        a.turn - b.turn ||
        (a.member.class === b.member.class
          ? byName(a.member, b.member)
          : a.member.class < b.member.class
            ? -1
            : 1),
    )
    .map(({ member }) => member);
}

function byName(a: Member, b: Member): number {
  return a.device < b.device ? -1 : 1;
}

function heldBack(member: Member, { stops }: Placing): Member {
  const stop = stops.find((one) => one.class === member.class);
  return stop ? { ...member, reason: `its class is stopped: ${stop.reason}` } : member;
}
