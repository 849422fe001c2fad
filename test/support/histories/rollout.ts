/**
 * Random histories of a rollout: devices that come, go, fail, fall silent, misbehave and are taken
 * by others; people who pause, resume, approve, retry and roll back; and rules that no history may
 * break.
 */
import type { Member, RolloutInput, RolloutPlan } from '../../../controller/rollout/plan.ts';
import { planRollout } from '../../../controller/rollout/plan.ts';
import { isStopped } from '../../../shared/protocol/states.ts';
import type { Usage } from '../../../shared/protocol/usage.ts';
import { createRandom } from '../../../shared/random.ts';
import { change, next, says, type Views, viewsOf } from '../rollout-play.ts';
import { broken } from './rules.ts';
import { termsOf } from './terms.ts';

export interface Chance {
  readonly random: () => number;
  /** A whole number from 0 up to `limit`, exclusive. */
  readonly pick: (limit: number) => number;
}

/** A history in the middle of it. */
export interface History extends Chance {
  rollout: RolloutInput;
  nowMs: number;
  readonly names: readonly string[];
  readonly views: Views;
}

const turns = 25;
const classes = ['x64', 'arm64', 'riscv'];

/** Plays the history of this seed; returns what rule was broken and when, or null. */
export function rolloutHistory(seed: number): string | null {
  const history = begin(seed);
  for (let turn = 0; turn < turns; turn += 1) {
    history.nowMs += history.pick(20_000);
    disturb(history);
    const fault = look(history);
    if (fault) return `turn ${turn}: ${fault}`;
    meddle(history);
  }
  return settle(history);
}

function begin(seed: number): History {
  const random = createRandom(seed);
  const pick = (limit: number) => Math.floor(random() * limit);
  const chance = { random, pick };
  const names = Array.from({ length: 1 + pick(10) }, (_, index) => `d${index}`);
  const views = new Map();
  const history = { ...chance, names, views, rollout: termsOf(chance), nowMs: 0 };
  for (const name of names.slice(0, 1 + pick(names.length))) appear(history, name);
  return history;
}

function appear({ views, pick }: History, name: string): void {
  const own = classes[pick(classes.length)] ?? 'x64';
  const otherUsage = pick(3) === 0 ? null : calm;
  for (const [key, view] of viewsOf([name], { class: own, otherUsage })) views.set(key, view);
}

const calm: Usage = {
  requests: 100,
  errors: 0,
  latencyMsP95: 10,
  memoryMiB: 100,
  temperatureC: 60,
  outputDrift: null,
};
const states = ['fetching', 'tuning', 'proving', 'proving', 'serving', 'serving', 'failed'];

function disturb(history: History): void {
  const { views, names, pick, nowMs } = history;
  const name = names[pick(names.length)] ?? 'd0';
  if (!views.has(name)) appear(history, name);
  switch (pick(10)) {
    case 0:
      change(views, name, ({ online, seenMs }) => ({
        online: !online,
        seenMs: online ? seenMs : nowMs,
      }));
      break;
    case 1:
      // Another rollout takes it, or lets it go.
      change(views, name, ({ ours, revision, wanted }) => ({
        ...(ours ? { ours: false, reverted: false, revision: revision + 1 } : {}),
        wanted: !wanted,
      }));
      break;
    case 2:
      change(views, name, ({ ours }) => (ours ? { usage: misbehaving(history) } : {}));
      break;
    default:
      if (views.get(name)?.ours) says(views, `${name} ${states[pick(states.length)]}`, nowMs);
  }
}

function misbehaving({ pick }: Chance): Usage {
  const worse: readonly Partial<Usage>[] = [
    {},
    {},
    { latencyMsP95: 40 },
    { errors: 30 },
    { memoryMiB: 300 },
    { temperatureC: 99 },
    { outputDrift: 0.9 },
    { requests: 2 },
  ];
  return { ...calm, ...worse[pick(worse.length)] };
}

/** One look; the rules are held against what it decided. */
function look(history: History): string | null {
  const before = history.rollout;
  const seen: Views = new Map(history.views);
  const [after, plan] = next(before, history.views, history.nowMs);
  history.rollout = { ...after, members: admitted(after.members, plan, seen) };
  return broken({ before, plan, seen });
}

/** As the runner does: who is admitted is kept with how it behaved before. */
function admitted(members: readonly Member[], plan: RolloutPlan, seen: Views): Member[] {
  const admit = new Set(plan.admit);
  return members.map((member) =>
    admit.has(member.device)
      ? { ...member, baseline: seen.get(member.device)?.otherUsage ?? null }
      : member,
  );
}

/** What people do. */
function meddle(history: History): void {
  const { rollout, pick } = history;
  const { state, waitsFor } = { waitsFor: null, ...rollout };
  if (state === 'paused' && pick(3) === 0) history.rollout = resumed(rollout, history);
  if (waitsFor === null && state === 'running' && pick(30) === 0) {
    history.rollout = { ...rollout, state: 'paused', reason: 'paused by a person' };
  }
  if (pick(3) === 0) history.rollout = { ...history.rollout, approvedWave: rollout.wave + 1 };
  if (!isStopped(state) && pick(20) === 0) history.rollout = retried(rollout);
  if (pick(400) === 0) history.rollout = { ...rollout, state: 'aborted' };
  if (pick(400) === 0) history.rollout = { ...rollout, state: 'rolled back', reverting: true };
}

function resumed(rollout: RolloutInput, { views, nowMs }: History): RolloutInput {
  const { verdicts } = planRollout({ ...rollout, state: 'running' }, views, nowMs);
  const breached = verdicts.filter(
    ({ state, gate }) => state === 'breached' && gate !== 'failures',
  );
  const keys = breached.map(({ gate, against, class: own }) => `${gate}/${against}/${own ?? ''}`);
  return {
    ...rollout,
    state: 'running',
    accepted: [...rollout.accepted, ...keys],
    stops: rollout.stops.filter(({ action }) => action !== 'pause'),
    members: rollout.members.map((member) =>
      member.state === 'failed' ? { ...member, accepted: true } : member,
    ),
  };
}

function retried(rollout: RolloutInput): RolloutInput {
  const members = rollout.members.map((member): Member => {
    if (member.state !== 'failed') return member;
    const tried = member.revision ?? member.retried;
    return { ...member, state: 'waiting', revision: null, retried: tried, accepted: false };
  });
  return { ...rollout, state: rollout.state === 'paused' ? 'paused' : 'running', members };
}

/** Everything calms down: every device is wanted, online and serves what it is given. */
function settle(history: History): string | null {
  const { views } = history;
  for (let turn = 0; turn < 60; turn += 1) {
    history.nowMs += 31_000;
    for (const [name, { ours }] of views) {
      change(views, name, () => ({ wanted: true, online: true, seenMs: history.nowMs }));
      change(views, name, () => (ours ? { usage: calm } : {}));
      if (ours) says(views, `${name} serving`, history.nowMs);
    }
    const fault = look(history);
    if (fault) return `settling: ${fault}`;
    if (history.rollout.state === 'paused') history.rollout = resumed(history.rollout, history);
    const { wave, approvedWave } = history.rollout;
    history.rollout = { ...history.rollout, approvedWave: Math.max(approvedWave, wave + 1) };
  }
  return unended(history);
}

/** A rollout that ended gave back all that it had to, or is served by all that it may reach. */
function unended({ rollout, views, nowMs }: History): string | null {
  const { state, reason, reverting, stops } = rollout;
  const plan = planRollout(rollout, views, nowMs);
  if (plan.revert.length > 0) return `never gives back ${plan.revert}`;
  if (reverting && [...views.values()].some(({ ours }) => ours)) return 'still there';
  if (isStopped(state) || state === 'succeeded') return null;
  // Where every class is out, there is nobody to serve it.
  if (state === 'failed' && stops.length > 0) return null;
  return `never ends: ${state}, ${reason}`;
}
