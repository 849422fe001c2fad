/**
 * What a rollout does next. Pure: from what is known now to the whole of what should be; asking
 * twice changes nothing. A member's state is computed from its device's report every time, so that
 * lost messages, restarts and late regressions all lead to the same answer.
 */

import type { WaveOutlook } from '../../shared/protocol/outlook.ts';
import type {
  Breach,
  BreachAction,
  GateLimits,
  Maintenance,
  OfflineRule,
  Stop,
  Verdict,
  WaitKind,
} from '../../shared/protocol/rollouts.ts';
import { isStopped, type MemberState, type RolloutState } from '../../shared/protocol/states.ts';
import type { Usage } from '../../shared/protocol/usage.ts';
import { advance } from './advance.ts';
import { acceptFailures, actOnBreach, breachOf } from './breach.ts';
import { outlookOf, silentClasses } from './data.ts';
import { judgeGates } from './gates.ts';
import { judgeMember, type Rules, waiting } from './judge.ts';
import { placeWaiting } from './place.ts';
import type { WaveTable } from './waves.ts';

/** A device of a rollout. */
export interface Member {
  readonly device: string;
  /** Its hardware class when it was last looked at before it was given the model. */
  readonly class: string;
  /** Counted from 1: the wave it is in, or would be in as things are. */
  readonly wave: number;
  readonly state: MemberState;
  /** The desired revision that gave it the model; null while it waits. */
  readonly revision: number | null;
  /** Revisions up to this one were tried and are to be tried anew. */
  readonly retried: number;
  /** When it was given the model, and when its present state began. */
  readonly admittedMs: number | null;
  readonly sinceMs: number | null;
  readonly reason: string;
  /** It was offline when its turn came, and has not taken the model up. */
  readonly offline: boolean;
  /** A failure that a person has resumed over doesn't stop the rollout again. */
  readonly accepted: boolean;
  /** It ran the same version before: a rollback has nothing to give back. */
  readonly ranSame: boolean;
  /** How the version before behaved on it, when it was given this one. */
  readonly baseline: Usage | null;
  /** Share of golden samples on which its choice agreed when it was tuned. */
  readonly golden: number | null;
}

/** What the planner sees of a device. */
export interface DeviceView {
  readonly device: string;
  readonly class: string;
  /** The selector names it, it has a profile, and no later rollout governs it. */
  readonly wanted: boolean;
  readonly online: boolean;
  readonly seenMs: number | null;
  /** Its newest desired revision, and whether that one gives it the model of this rollout. */
  readonly revision: number;
  readonly ours: boolean;
  /** Its newest desired revision is of this rollout and gives back what it ran before. */
  readonly reverted: boolean;
  readonly report: {
    readonly revision: number;
    readonly state: string;
    readonly reason: string;
    /** When it arrived, by the controller's clock. */
    readonly atMs: number;
    /** A variant of the model and version of this rollout is loaded and answers. */
    readonly servesGoal: boolean;
  } | null;
  /** How it behaves with this version, and with another version of the model. */
  readonly usage: Usage | null;
  readonly otherUsage: Usage | null;
  /** As its newest tuning of this version says. */
  readonly golden: number | null;
  /** How far it answered live requests as the variant before it, when it took over. */
  readonly live: { readonly samples: number; readonly agreement: number } | null;
  /** The same on its golden inputs, which need no traffic. */
  readonly onGolden: { readonly samples: number; readonly agreement: number } | null;
}

export interface RolloutInput {
  readonly waves: WaveTable;
  /** Counted from 1. */
  readonly wave: number;
  readonly state: RolloutState;
  readonly reason: string;
  readonly soakSeconds: number;
  readonly timeoutSeconds: number;
  /** Failed devices at which it acts; at least one. */
  readonly maxFailures: number;
  readonly scouts: number;
  readonly maxConcurrent: number | null;
  readonly minHealthyPercent: number;
  readonly maintenance: Maintenance | null;
  readonly gates: GateLimits;
  readonly onBreach: BreachAction;
  readonly breachScope: 'fleet' | 'class';
  readonly offline: OfflineRule;
  readonly requireData: boolean;
  /** Since when the controller has heard devices without a break. */
  readonly hearingMs: number;
  readonly approvedWave: number;
  readonly accepted: readonly string[];
  readonly reverting: boolean;
  readonly stops: readonly Stop[];
  readonly breach: Breach | null;
  /** Set where newer rollouts have taken every device that its selector names. */
  readonly taken: { readonly by: string; readonly devices: number } | null;
  /** It succeeded and is no longer watched for regressions. */
  readonly settled: boolean;
  readonly members: readonly Member[];
}

/** What a rollout decides about itself. */
export interface Standing {
  readonly state: RolloutState;
  /** One sentence: what it waits for, or why it stands. */
  readonly reason: string;
  readonly waitsFor: WaitKind | null;
  readonly wave: number;
  readonly reverting: boolean;
  readonly stops: readonly Stop[];
  readonly breach: Breach | null;
}

export interface RolloutPlan extends Standing {
  /** All of them, by name. */
  readonly members: readonly Member[];
  /** Devices to be given the model now. */
  readonly admit: readonly string[];
  /** Devices to be given back what they ran before. */
  readonly revert: readonly string[];
  readonly verdicts: readonly Verdict[];
  readonly outlook: readonly WaveOutlook[];
}

export function planRollout(
  rollout: RolloutInput,
  devices: ReadonlyMap<string, DeviceView>,
  nowMs: number,
): RolloutPlan {
  const judged = judgeAll(rollout, devices, nowMs);
  if (isStopped(rollout.state)) {
    return ended(rollout, rollout.reverting ? judged : rollout.members, devices);
  }
  // A rollout that failed takes nobody in any more; that a device recovers is still seen.
  const joined = rollout.state === 'failed' ? [] : joiners(judged, devices, { ...rollout, nowMs });
  const verdicts = judgeGates({ ...rollout, nowMs }, [...judged, ...joined], devices);
  const change = actOnBreach(rollout, verdicts, nowMs);
  const breach = breachOf(rollout, { change, verdicts, members: judged, devices, nowMs });
  const next = { ...rollout, ...change, breach };
  const members = [...acceptFailures(judged, next.stops), ...joined];
  if (isStopped(next.state)) return ended(next, judged, devices);
  if (next.taken && members.length === 0) return superseded(next, next.taken);
  const revert = toRevert(next, members, devices);
  if (next.state === 'paused') {
    const placed = placeWaiting({ ...next, members }, devices, next.reason);
    const waitsFor = 'person' as const;
    const outlook = outlookOf(next, placed, devices);
    const rest = { members: sorted(placed), admit: [], revert, verdicts, outlook };
    return { ...standing(next), waitsFor, ...rest };
  }
  const advanced = advance({ ...next, members }, devices, nowMs);
  const outlook = outlookOf(next, advanced.members, devices);
  return { ...advanced, members: sorted(advanced.members), revert, verdicts, outlook };
}

function judgeAll(
  rollout: RolloutInput,
  devices: ReadonlyMap<string, DeviceView>,
  nowMs: number,
): Member[] {
  const silent = silentClasses(rollout, devices);
  return rollout.members.flatMap((member) => {
    const view = devices.get(member.device);
    return (view && judgeMember(member, view, { ...rollout, silent, nowMs })) ?? [];
  });
}

/**
 * Devices that the selector names and that aren't members yet: they get the same protection as the
 * first ones.
 */
function joiners(
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
  rules: Rules,
): Member[] {
  const known = new Set(members.map(({ device }) => device));
  return [...devices.values()]
    .filter(({ wanted, device }) => wanted && !known.has(device))
    .map((view) => waiting(newMember(view), view, rules));
}

function newMember({ device, class: own }: DeviceView): Member {
  return {
    ...{ device, class: own, wave: 1, state: 'waiting', reason: '', offline: false },
    ...{ revision: null, retried: 0, admittedMs: null, sinceMs: null },
    ...{ accepted: false, ranSame: false, baseline: null, golden: null },
  };
}

/** Nobody is taken in; who is to be given back what it ran before is seen through to the end. */
function ended(
  rollout: RolloutInput,
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
): RolloutPlan {
  const revert = toRevert(rollout, members, devices);
  const verdicts = rollout.breach?.verdicts ?? [];
  const rest = { members: sorted(members), admit: [], revert, verdicts, outlook: [] };
  return { ...standing(rollout), ...rest };
}

function superseded(
  rollout: RolloutInput,
  { by, devices }: NonNullable<RolloutInput['taken']>,
): RolloutPlan {
  const reason = `superseded: its devices (${devices}) are given rollout ${by}`;
  const plan = { ...standing(rollout), state: 'superseded' as const, reason };
  return { ...plan, members: [], admit: [], revert: [], verdicts: [], outlook: [] };
}

function standing(rollout: RolloutInput): Standing {
  const { state, reason, wave, reverting, stops, breach } = rollout;
  return { state, reason, wave, reverting, stops, breach, waitsFor: null };
}

function toRevert(
  { reverting, stops }: RolloutInput,
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
): string[] {
  const back = new Set(
    stops.filter(({ action }) => action === 'rollback').map((stop) => stop.class),
  );
  return members
    .filter((member) => reverting || back.has(member.class))
    .filter(({ device, ranSame }) => devices.get(device)?.ours === true && !ranSame)
    .map(({ device }) => device);
}

function sorted(members: readonly Member[]): Member[] {
  return members.toSorted((a, b) => (a.device < b.device ? -1 : 1));
}
