/**
 * Plays devices against the rollout planner: what it sees of them, and what they are made to say.
 */
import * as v from 'valibot';
import {
  type DeviceView,
  type Member,
  planRollout,
  type RolloutInput,
  type RolloutPlan,
} from '../../controller/rollout/plan.ts';
import { GateLimits } from '../../shared/protocol/rollouts.ts';

export type Views = Map<string, DeviceView>;

export function rolloutOf(rest: Partial<RolloutInput> = {}): RolloutInput {
  return {
    waves: [{ count: 1 }, { percent: 50 }, { percent: 100 }],
    wave: 1,
    state: 'running',
    reason: '',
    soakSeconds: 10,
    timeoutSeconds: 60,
    maxFailures: 2,
    scouts: 0,
    maxConcurrent: null,
    minHealthyPercent: 0,
    maintenance: null,
    gates: v.parse(GateLimits, {}),
    onBreach: 'pause',
    breachScope: 'fleet',
    offline: 'skip',
    requireData: false,
    hearingMs: Number.NEGATIVE_INFINITY,
    approvedWave: 0,
    accepted: [],
    reverting: false,
    stops: [],
    breach: null,
    taken: null,
    settled: false,
    members: [],
    ...rest,
  };
}

export function viewsOf(names: readonly string[], rest: Partial<DeviceView> = {}): Views {
  return new Map(
    names.map((device) => [
      device,
      {
        device,
        class: 'x64',
        wanted: true,
        online: true,
        seenMs: 0,
        revision: 0,
        ours: false,
        reverted: false,
        report: null,
        usage: null,
        otherUsage: null,
        golden: null,
        live: null,
        onGolden: null,
        ...rest,
      },
    ]),
  );
}

/** What the dispatcher does: who is admitted or reverted gets a new revision of this rollout. */
export function admit(views: Views, plan: RolloutPlan): void {
  for (const device of plan.admit) {
    change(views, device, ({ revision }) => ({ ...given, revision: revision + 1, ours: true }));
  }
  for (const device of plan.revert) {
    change(views, device, ({ revision }) => ({ ...given, revision: revision + 1, reverted: true }));
  }
}

const given = { ours: false, reverted: false, report: null, usage: null } as const;

export function change(
  views: Views,
  device: string,
  how: (view: DeviceView) => Partial<DeviceView>,
): void {
  const view = views.get(device);
  if (view) views.set(device, { ...view, ...how(view) });
}

const soaks = ['proving', 'serving'];

/** The device reports `word`, e.g. `a tuning`, at that time. */
export function says(views: Views, word: string, atMs: number): void {
  const [device = '', state = ''] = word.split(' ');
  change(views, device, ({ revision }) => ({
    seenMs: atMs,
    report: { revision, state, reason: state, atMs, servesGoal: soaks.includes(state) },
  }));
}

export function next(
  rollout: RolloutInput,
  views: Views,
  nowMs: number,
): [RolloutInput, RolloutPlan] {
  const plan = planRollout(rollout, views, nowMs);
  admit(views, plan);
  const { admit: _, revert: _r, verdicts: _v, outlook: _o, waitsFor: _w, ...kept } = plan;
  return [{ ...rollout, ...kept }, plan];
}

export function memberOf(plan: { members: readonly Member[] }, device: string): Member | undefined {
  return plan.members.find((member) => member.device === device);
}
