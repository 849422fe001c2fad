/** The terms of a random rollout. */
import type { RolloutInput } from '../../../controller/rollout/plan.ts';
import { breachActions, offlineRules } from '../../../shared/protocol/rollouts.ts';
import { rolloutOf } from '../rollout-play.ts';
import type { Chance } from './rollout.ts';

export function termsOf({ pick }: Chance): RolloutInput {
  const approval = () => pick(6) === 0;
  return rolloutOf({
    waves: [
      { count: 1 + pick(3), approval: approval() },
      { percent: 10 + pick(80), approval: approval() },
      { percent: 100, approval: approval() },
    ],
    soakSeconds: pick(30),
    maxFailures: 1 + pick(3),
    scouts: pick(3),
    maxConcurrent: pick(3) === 0 ? 1 + pick(3) : null,
    minHealthyPercent: pick(3) === 0 ? pick(101) : 0,
    onBreach: breachActions[pick(breachActions.length)] ?? 'pause',
    requireData: pick(4) === 0,
    offline: offlineRules[pick(offlineRules.length)] ?? 'skip',
    breachScope: pick(2) === 0 ? 'fleet' : 'class',
  });
}
