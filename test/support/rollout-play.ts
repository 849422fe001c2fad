/**
 * Plays devices against the rollout planner: what it sees of them, and what they are made to say.
 */
import {
  type DeviceView,
  type Member,
  planRollout,
  type RolloutInput,
  type RolloutPlan,
} from '../../controller/rollout/plan.ts';

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
        wanted: true,
        online: true,
        seenMs: 0,
        revision: 0,
        ours: false,
        report: null,
        ...rest,
      },
    ]),
  );
}

/** What the dispatcher does: the admitted devices get a new revision of this rollout. */
export function admit(views: Views, plan: RolloutPlan): void {
  for (const device of plan.admit) {
    change(views, device, (view) => ({ revision: view.revision + 1, ours: true, report: null }));
  }
}

export function change(
  views: Views,
  device: string,
  how: (view: DeviceView) => Partial<DeviceView>,
): void {
  const view = views.get(device);
  if (view) views.set(device, { ...view, ...how(view) });
}

/** The device reports `word`, e.g. `a tuning`, at that time. */
export function says(views: Views, word: string, atMs: number): void {
  const [device = '', state = ''] = word.split(' ');
  change(views, device, ({ revision }) => ({
    seenMs: atMs,
    report: { revision, state, reason: state, atMs, servesGoal: state === 'serving' },
  }));
}

export function next(
  rollout: RolloutInput,
  views: Views,
  nowMs: number,
): [RolloutInput, RolloutPlan] {
  const plan = planRollout(rollout, views, nowMs);
  admit(views, plan);
  const { members, wave, state, reason } = plan;
  return [{ ...rollout, members, wave, state, reason }, plan];
}

export function memberOf(plan: { members: readonly Member[] }, device: string): Member | undefined {
  return plan.members.find((member) => member.device === device);
}
