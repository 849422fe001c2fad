/**
 * What a rollout does next. Pure: from what is known now to the whole of what should be; asking
 * twice changes nothing. A member's state is computed from its device's report every time, so that
 * lost messages, restarts and late regressions all lead to the same answer.
 */
import type { MemberState, RolloutState } from '../../shared/protocol/states.ts';
import { judgeMember } from './judge.ts';
import { targetOf, type WaveTable } from './waves.ts';

/** A device of a rollout. */
export interface Member {
  readonly device: string;
  /** Counted from 1: the wave it is in, or would be in as things are. */
  readonly wave: number;
  readonly state: MemberState;
  /** The desired revision that gave it the model; null while it waits. */
  readonly revision: number | null;
  /** When it was given the model, and when its present state began. */
  readonly admittedMs: number | null;
  readonly sinceMs: number | null;
  readonly reason: string;
  /** A failure that a person has resumed over doesn't pause the rollout again. */
  readonly accepted: boolean;
}

/** What the planner sees of a device. */
export interface DeviceView {
  readonly device: string;
  /** The selector names it, it has a profile, and no later rollout governs it. */
  readonly wanted: boolean;
  readonly online: boolean;
  readonly seenMs: number | null;
  /** Its newest desired revision, and whether that one is of this rollout. */
  readonly revision: number;
  readonly ours: boolean;
  readonly report: {
    readonly revision: number;
    readonly state: string;
    readonly reason: string;
    /** When it arrived, by the controller's clock. */
    readonly atMs: number;
    /** It serves the model and version of this rollout. */
    readonly servesGoal: boolean;
  } | null;
}

export interface RolloutInput {
  readonly waves: WaveTable;
  /** Counted from 1. */
  readonly wave: number;
  readonly state: RolloutState;
  readonly reason: string;
  readonly soakSeconds: number;
  readonly timeoutSeconds: number;
  /** Failed devices at which it pauses; at least one. */
  readonly maxFailures: number;
  readonly members: readonly Member[];
}

export interface RolloutPlan {
  /** All of them, by name. */
  readonly members: readonly Member[];
  /** Devices to be given the model now. */
  readonly admit: readonly string[];
  readonly wave: number;
  readonly state: RolloutState;
  /** One sentence: what it waits for, or why it stands. */
  readonly reason: string;
}

export function planRollout(
  rollout: RolloutInput,
  devices: ReadonlyMap<string, DeviceView>,
  nowMs: number,
): RolloutPlan {
  const judged = judgeAll(rollout, devices, nowMs);
  const { state, reason } = rollout;
  if (state === 'aborted') {
    return { members: rollout.members, admit: [], wave: rollout.wave, state, reason };
  }
  // A rollout that failed takes nobody in any more; that a device recovers is still seen.
  const members = state === 'failed' ? judged : [...judged, ...joiners(judged, devices)];
  const failed = members.filter((member) => member.state === 'failed' && !member.accepted);
  const limit = Math.max(1, rollout.maxFailures);
  if (state === 'paused' || failed.length >= limit) {
    const why = state === 'paused' ? reason : pauseReason(failed, limit);
    const settled = sorted(placeWaiting(members, devices, { ...rollout, why }));
    return { members: settled, admit: [], wave: rollout.wave, state: 'paused', reason: why };
  }
  return advance(rollout, members, devices);
}

function judgeAll(
  rollout: RolloutInput,
  devices: ReadonlyMap<string, DeviceView>,
  nowMs: number,
): Member[] {
  return rollout.members.flatMap((member) => {
    const view = devices.get(member.device);
    return (view && judgeMember(member, view, { ...rollout, nowMs })) ?? [];
  });
}

/**
 * Devices that the selector names and that aren't members yet: they get the same protection as the
 * first ones.
 */
function joiners(members: readonly Member[], devices: ReadonlyMap<string, DeviceView>): Member[] {
  const known = new Set(members.map(({ device }) => device));
  return [...devices.values()]
    .filter(({ wanted, device }) => wanted && !known.has(device))
    .map(({ device }) => ({
      device,
      wave: 1,
      state: 'waiting',
      revision: null,
      admittedMs: null,
      sinceMs: null,
      reason: '',
      accepted: false,
    }));
}

/** Opens waves while the present one is done, and admits whom the open ones have room for. */
function advance(
  rollout: RolloutInput,
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
): RolloutPlan {
  const { waves } = rollout;
  const admitted = members.filter(({ revision }) => revision !== null);
  const open = admitted.filter(({ state }) => state === 'updating' || state === 'soaking');
  let wave = Math.min(Math.max(1, rollout.wave), waves.length);
  const isFull = () => admitted.length >= targetOf(waves, wave, members.length);
  while (open.length === 0 && isFull() && wave < waves.length && members.length > 0) wave += 1;
  const room = Math.max(0, targetOf(waves, wave, members.length) - admitted.length);
  const why = `wave ${wave} is not done`;
  const placed = placeWaiting(members, devices, { waves, wave, why });
  const admit = placed
    .filter(({ revision }) => revision === null)
    .slice(0, room)
    .map(({ device }) => device);
  const progress = { members: placed, admit, wave, waves: waves.length };
  return { members: sorted(placed), admit, wave, ...outcome(progress) };
}

interface Progressing {
  readonly members: readonly Member[];
  readonly admit: readonly string[];
  readonly wave: number;
  readonly waves: number;
}

function outcome(progress: Progressing): { state: RolloutState; reason: string } {
  const { members, admit, wave, waves } = progress;
  const count = (state: MemberState) => members.filter((member) => member.state === state).length;
  const all = members.length;
  if (all === 0) return { state: 'running', reason: 'no device matches the selector yet' };
  const done = count('succeeded');
  const failed = count('failed');
  if (done + failed === all) {
    const but = failed > 0 ? `; ${failed} failed` : '';
    if (done === 0) return { state: 'failed', reason: `none of ${all} devices serves it${but}` };
    return { state: 'succeeded', reason: `${done} of ${all} devices serve it${but}` };
  }
  const open = members.find(({ state }) => state === 'updating' || state === 'soaking');
  const next = admit.length > 0 ? `${admit.length} devices are given it now` : 'nothing to do';
  const waits = open ? `waits for ${open.device}: ${open.reason}` : next;
  return { state: 'running', reason: `wave ${wave} of ${waves}: ${done} of ${all} done; ${waits}` };
}

/**
 * Who waits is told for what, in the order in which they will be admitted: those online first, then
 * by name.
 */
function placeWaiting(
  members: readonly Member[],
  devices: ReadonlyMap<string, DeviceView>,
  { waves, wave, why }: { waves: WaveTable; wave: number; why: string },
): Member[] {
  const admitted = members.filter(({ revision }) => revision !== null);
  const rank = ({ device }: Member) => (devices.get(device)?.online ? 0 : 1);
  const waiting = members
    .filter(({ revision }) => revision === null)
    .sort((a, b) => rank(a) - rank(b) || (a.device < b.device ? -1 : 1));
  const placed = waiting.map((member, index) => {
    let own = wave;
    while (own < waves.length && admitted.length + index >= targetOf(waves, own, members.length)) {
      own += 1;
    }
    return { ...member, wave: own, reason: own > wave ? why : `waits for wave ${own}` };
  });
  return [...admitted, ...placed];
}

function pauseReason(failed: readonly Member[], limit: number): string {
  const [first] = failed;
  const example = first ? `; ${first.device}: ${first.reason}` : '';
  return `paused: ${failed.length} failed, the limit is ${limit}${example}`;
}

function sorted(members: readonly Member[]): Member[] {
  return members.toSorted((a, b) => (a.device < b.device ? -1 : 1));
}
