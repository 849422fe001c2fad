/** What must hold for a rollout to go on, each against its threshold. */
import type { RolloutRecord } from '../../../shared/protocol/rollouts.ts';
import type { RolloutProgress } from './progress.ts';

export interface Gate {
  readonly name: string;
  readonly value: string;
  readonly threshold: string;
  /** How much of the threshold is used up, 0 to 1; null where it is no quantity. */
  readonly used: number | null;
  readonly holds: boolean;
}

export function gatesOf(rollout: RolloutRecord, progress: RolloutProgress): Gate[] {
  const { failed, soaking, updating } = progress.members;
  const limit = rollout.maxFailures;
  return [
    {
      name: 'Failed devices',
      value: String(failed),
      threshold: limit === 0 ? 'pauses at the first' : `pauses at ${limit}`,
      used: limit === 0 ? Number(failed > 0) : Math.min(1, failed / limit),
      holds: failed < Math.max(1, limit),
    },
    {
      name: 'Soaking',
      value: String(soaking),
      threshold: `${rollout.soakSeconds} s each`,
      used: null,
      holds: true,
    },
    {
      name: 'Updating',
      value: String(updating),
      threshold: `silent for ${rollout.timeoutSeconds} s counts as failed`,
      used: null,
      holds: true,
    },
    ...rollout.verdicts.filter(({ gate }) => gate !== 'failures').map(gateOf),
  ];
}

/** Its reason holds the figures; without data there is nothing to fill the bar with. */
function gateOf(verdict: RolloutRecord['verdicts'][number]): Gate {
  const { gate, class: own, against, value, threshold, state, reason } = verdict;
  return {
    name: `${gate}, ${own ?? 'all'}, against ${against}`,
    value: value === null ? 'no data' : String(Number(value.toPrecision(3))),
    threshold: reason,
    used: value === null || gate === 'golden' ? null : Math.min(1, Math.max(0, value / threshold)),
    holds: state !== 'breached',
  };
}
