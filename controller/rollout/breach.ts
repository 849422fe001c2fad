/** What is done about a breached gate: to the whole rollout, or to one hardware class. Pure. */
import type { Breach, BreachAction, Stop, Verdict } from '../../shared/protocol/rollouts.ts';
import { isAdmitted } from './member.ts';
import type { DeviceView, Member, RolloutInput } from './plan.ts';

type Change = Pick<RolloutInput, 'state' | 'reason' | 'reverting' | 'stops'>;

/** `gate/against/class`, by which a person's acceptance is remembered. */
export function keyOf({
  gate,
  against,
  class: own,
}: Pick<Verdict, 'gate' | 'against' | 'class'>): string {
  return `${gate}/${against}/${own ?? ''}`;
}

export function actOnBreach(
  rollout: RolloutInput,
  verdicts: readonly Verdict[],
  nowMs: number,
): Change {
  const { state, reason, reverting, stops, settled } = rollout;
  const stopped = new Set(stops.map((stop) => stop.class));
  const breached = verdicts.filter(
    (verdict) => verdict.state === 'breached' && !stopped.has(verdict.class ?? ''),
  );
  const [first] = breached;
  const same = { state, reason, reverting, stops };
  if (!first || settled || state === 'paused') return same;
  if (rollout.breachScope === 'fleet' || first.class === null) {
    return { ...same, ...stopAll(rollout.onBreach, first) };
  }
  const at = new Date(nowMs).toISOString();
  const perClass = new Map(
    breached.toReversed().map((verdict) => [verdict.class ?? '', verdict] as const),
  );
  const added = [...perClass].map(
    ([own, verdict]): Stop => ({
      class: own,
      action: rollout.onBreach,
      reason: verdict.reason,
      at,
    }),
  );
  return { ...same, stops: [...stops, ...added] };
}

interface Judged {
  readonly change: Change;
  readonly verdicts: readonly Verdict[];
  readonly members: readonly Member[];
  readonly devices: ReadonlyMap<string, DeviceView>;
  readonly nowMs: number;
}

const devicesMax = 100;

/** What is acted on now, kept as it stands; else the breach before. */
export function breachOf(before: RolloutInput, judged: Judged): Breach | null {
  const { change, verdicts, members, devices, nowMs } = judged;
  const acted = change.state !== before.state || change.stops.length > before.stops.length;
  if (!acted) return before.breach;
  const classes = new Set(
    verdicts.filter(({ state }) => state === 'breached').map((verdict) => verdict.class),
  );
  const hit = members
    .filter(isAdmitted)
    .filter((member) => classes.has(null) || classes.has(member.class));
  const failed = (member: Member) => Number(member.state === 'failed');
  const told = hit.toSorted((a, b) => failed(b) - failed(a)).slice(0, devicesMax);
  return {
    at: new Date(nowMs).toISOString(),
    verdicts: [...verdicts],
    devices: told.map(({ device, class: own, state, sinceMs, reason, baseline }) => ({
      ...{ device, class: own, state, reason },
      since: sinceMs === null ? null : new Date(sinceMs).toISOString(),
      now: devices.get(device)?.usage ?? null,
      before: baseline,
    })),
  };
}

function stopAll(action: BreachAction, { reason }: Verdict): Partial<Change> {
  switch (action) {
    case 'pause':
      return { state: 'paused', reason: `paused: ${reason}` };
    case 'abort':
      return { state: 'aborted', reason: `aborted: ${reason}; devices that have it keep it` };
    case 'rollback':
      return { state: 'rolled back', reverting: true, reason: `rolled back: ${reason}` };
  }
}

/** A class that is out of the rollout has answered for its failures. */
export function acceptFailures(members: readonly Member[], stops: readonly Stop[]): Member[] {
  const stopped = new Set(stops.map((stop) => stop.class));
  return members.map((member) =>
    member.state === 'failed' && stopped.has(member.class) ? { ...member, accepted: true } : member,
  );
}
