/** Trials as points: how fast, how good, and what part they play. */
import type { Desired } from '../../../shared/protocol/messages.ts';
import type { Quality, Trial, Tuning } from '../../../shared/protocol/tuning.ts';
import type { FrontInput, FrontPoint } from '../parts/front-layout.ts';
import { worthOf } from '../parts/worth.ts';

export interface TrialPoints extends FrontInput {
  /** What the vertical axis shows: the metric, or minus the bytes where quality is not known. */
  readonly axis: Axis;
}

export type Axis =
  | { readonly kind: 'quality'; readonly metric: string }
  | { readonly kind: 'size' };

export function trialPoints(tuning: Tuning, goal: Desired['model']): TrialPoints {
  const source = goal?.sourceQuality ?? null;
  const known = tuning.trials.map((trial) => qualityOf(trial, source));
  const metric = known.find((quality) => quality !== null)?.metric;
  const front = new Set(tuning.front);
  const chosen = chosenIndex(tuning);
  const points = tuning.trials.flatMap((trial, index): FrontPoint[] => {
    const quality = known[index] ?? null;
    if (trial.state !== 'done' || (metric !== undefined && quality === null)) return [];
    return [
      {
        id: index,
        cost: trial.latencyMsP50,
        worth: quality === null ? -trial.bytes : worthOf(quality),
        part: index === chosen ? 'chosen' : front.has(index) ? 'front' : 'behind',
        name: trial.recipeName,
      },
    ];
  });
  if (metric === undefined) return { points, axis: { kind: 'size' }, floor: null };
  const axis = { kind: 'quality', metric } as const;
  return { points, axis, floor: floorOf(source, tuning, goal) };
}

/** The trial that became the choice; null where nothing was chosen. */
export function chosenIndex({ chosen, trials }: Tuning): number | null {
  if (chosen === null) return null;
  const same = (trial: Trial) =>
    trial.state === 'done' &&
    trial.variant === chosen.variant &&
    trial.plan.threads === chosen.plan.threads &&
    trial.plan.instances === chosen.plan.instances &&
    trial.plan.batch === chosen.plan.batch &&
    trial.plan.stages === chosen.plan.stages;
  const exact = trials.findIndex((t) => same(t) && t.latencyMsP50 === chosen.latencyMsP50);
  const index = exact >= 0 ? exact : trials.findIndex(same);
  return index < 0 ? null : index;
}

/** The source is as good as itself, also where its trial doesn't say so. */
function qualityOf(trial: Trial, source: Quality | null): Quality | null {
  return trial.quality ?? (trial.recipe.source === true ? source : null);
}

function floorOf(source: Quality | null, tuning: Tuning, goal: Desired['model']): number | null {
  const best = source ?? tuning.baseline?.quality ?? null;
  return best === null || goal === null ? null : worthOf(best) - goal.maxDrop;
}
