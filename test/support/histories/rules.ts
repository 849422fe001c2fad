/** What no look at a rollout may ever decide. */
import { spareOf } from '../../../controller/rollout/advance.ts';
import { isAdmitted, isOpen } from '../../../controller/rollout/member.ts';
import { countedMembers } from '../../../controller/rollout/place.ts';
import type { RolloutInput, RolloutPlan } from '../../../controller/rollout/plan.ts';
import { targetOf } from '../../../controller/rollout/waves.ts';
import { isStopped } from '../../../shared/protocol/states.ts';
import type { Views } from '../rollout-play.ts';

export interface Looked {
  readonly before: RolloutInput;
  readonly plan: RolloutPlan;
  /** What it was decided on. */
  readonly seen: Views;
}

const rules: readonly ((looked: Looked) => string | null)[] = [
  revisionsRise,
  oneVariant,
  waveHolds,
  healthHolds,
  scoutsGoFirst,
  absentWait,
  stoppedStay,
  breachActs,
];

/** The first rule that is broken, or null. */
export function broken(looked: Looked): string | null {
  for (const rule of rules) {
    const fault = rule(looked);
    if (fault) return fault;
  }
  return null;
}

function revisionsRise({ before, plan }: Looked): string | null {
  const known = new Map(before.members.map((member) => [member.device, member]));
  if (plan.wave < before.wave) return 'the wave fell';
  for (const { device, revision, state } of plan.members) {
    const old = known.get(device);
    const least = Math.max(old?.revision ?? 0, old?.retried ?? 0);
    if (revision !== null && revision < least) return `${device}: its revision fell`;
    if (revision === null && state !== 'waiting') return `${device}: ${state} without a revision`;
  }
  const names = new Set(plan.members.map(({ device }) => device));
  return names.size < plan.members.length ? 'a device is a member twice' : null;
}

/** A device is told one thing at a time: none is given what it has, or loses what it lacks. */
function oneVariant({ before, plan, seen }: Looked): string | null {
  const retried = new Map(before.members.map(({ device, retried }) => [device, retried]));
  for (const device of plan.admit) {
    const view = seen.get(device);
    if (plan.revert.includes(device)) return `${device}: given and taken at once`;
    if (view?.ours && view.revision > (retried.get(device) ?? 0)) return `${device}: given twice`;
    if (!view?.wanted && !view?.ours) return `${device}: given, and not wanted`;
  }
  const wrong = plan.revert.find((device) => !seen.get(device)?.ours);
  return wrong ? `${wrong}: taken, and not given` : null;
}

function waveHolds({ before, plan }: Looked): string | null {
  const counted = countedMembers(plan);
  const admitted = counted.filter(isAdmitted).length;
  const target = targetOf(before.waves, plan.wave, counted.length);
  const given = plan.admit.length;
  if (given > 0 && admitted + given > target) return 'wave overfilled';
  if (given > 0 && plan.state !== 'running') return `given while ${plan.state}`;
  const open = counted.filter(isOpen).length;
  if (plan.wave > before.wave && open > 0) return 'a wave opened while one was open';
  if (before.maxConcurrent !== null && given > 0 && open + given > before.maxConcurrent) {
    return 'too many at once';
  }
  const needs = before.waves[plan.wave - 1]?.approval === true;
  return given > 0 && needs && before.approvedWave < plan.wave ? 'not approved' : null;
}

function healthHolds({ before, plan }: Looked): string | null {
  const counted = countedMembers(plan);
  const failed = counted.filter(({ state, accepted }) => state === 'failed' && !accepted).length;
  const out = counted.filter(isOpen).length + failed + plan.admit.length;
  const spare = spareOf(counted.length, before.minHealthyPercent);
  return plan.admit.length > 0 && out > spare ? 'below the minimum healthy share' : null;
}

function scoutsGoFirst({ before, plan }: Looked): string | null {
  const counted = countedMembers(plan);
  const admit = new Set(plan.admit);
  for (const [own, members] of Map.groupBy(counted, (member) => member.class)) {
    const through = members.filter(({ state }) => state === 'succeeded').length;
    const wanted = Math.min(before.scouts, members.length);
    const given = members.filter(({ device }) => admit.has(device)).length;
    const out = members.filter(isOpen).length + given;
    if (through < wanted && given > 0 && through + out > wanted) return `${own}: before its scouts`;
  }
  return null;
}

function stoppedStay({ before, plan }: Looked): string | null {
  const stopped = new Set(plan.stops.map((stop) => stop.class));
  const given = plan.members.find(
    (member) => stopped.has(member.class) && plan.admit.includes(member.device),
  );
  if (given) return `${given.device}: given, and its class is stopped`;
  const kept = before.stops.every((stop) => stopped.has(stop.class));
  return kept ? null : 'a stop was forgotten';
}

/** What is breached is acted on at the same look. */
function breachActs({ before, plan }: Looked): string | null {
  if (before.settled || plan.state === 'paused' || isStopped(plan.state)) return null;
  const stopped = new Set(plan.stops.map((stop) => stop.class));
  const breach = plan.verdicts.find(
    (verdict) => verdict.state === 'breached' && !stopped.has(verdict.class ?? ''),
  );
  return breach ? `nothing is done: ${breach.reason}` : null;
}

/** Who is offline is given nothing, and is out of the count until it is back. */
function absentWait({ before, plan, seen }: Looked): string | null {
  if (isStopped(plan.state)) return null;
  const old = new Map(before.members.map((member) => [member.device, member]));
  for (const { device, offline, state } of plan.members) {
    const view = seen.get(device);
    if (offline && view?.online) return `${device}: is back, and still waits`;
    if (offline && (before.offline === 'fail' || state !== 'waiting')) return `${device}: ${state}`;
    const was = old.get(device);
    const spoke = (view?.report?.revision ?? 0) >= (view?.revision ?? 0);
    if (was?.offline && state === 'failed' && !view?.online && !spoke)
      return `${device}: failed, and is off`;
    if (before.offline === 'fail' || view?.online) continue;
    if (plan.admit.includes(device)) return `${device}: given, and is offline`;
  }
  const ended = plan.state === 'succeeded' && before.offline === 'wait';
  return ended && countedMembers(plan).some(({ offline }) => offline)
    ? 'ended without those it waits for'
    : null;
}
