/**
 * The trials of a device: latency against quality, with the Pareto front, the floor and the choice.
 */
import { useMemo } from 'preact/hooks';
import type { Desired } from '../../../shared/protocol/messages.ts';
import type { Tuning } from '../../../shared/protocol/tuning.ts';
import { metricName, metricValue, planLabel } from '../format/model.ts';
import { counted, formatBytes, formatMs, shortTick } from '../format/numbers.ts';
import { FrontPicture } from '../parts/front-picture.tsx';
import { type Axis, type TrialPoints, trialPoints } from './trials-points.ts';

interface TrialsPictureProps {
  readonly tuning: Tuning;
  readonly goal: Desired['model'];
  readonly active: number | null;
  readonly onActive: (trial: number | null) => void;
}

export function TrialsPicture({ tuning, goal, active, onActive }: TrialsPictureProps) {
  const input = useMemo(() => trialPoints(tuning, goal), [tuning, goal]);
  const worth = worthFormat(input.axis);
  if (input.points.length === 0) return <p class="quiet">No trial has finished.</p>;
  return (
    <FrontPicture
      input={input}
      title={`Trials: latency against ${axisName(input.axis)}`}
      description={describe(tuning, input)}
      formatCost={(ms) => shortTick(formatMs(ms))}
      formatWorth={(value) => shortTick(worth(value))}
      floorLabel={input.floor === null ? '' : `least that is accepted: ${worth(input.floor)}`}
      hint={(index) => hintOf(tuning, index)}
      active={active}
      onActive={onActive}
    />
  );
}

function axisName(axis: Axis): string {
  return axis.kind === 'size' ? 'size' : metricName(axis.metric);
}

function worthFormat(axis: Axis): (worth: number) => string {
  return (worth) =>
    axis.kind === 'size' ? formatBytes(-worth) : metricValue(axis.metric, Math.abs(worth));
}

function hintOf({ trials }: Tuning, index: number): string {
  const trial = trials[index];
  if (trial === undefined) return '';
  const plan = planLabel(trial.plan);
  const ms = formatMs(trial.latencyMsP50);
  return `${trial.recipeName}, ${plan}: ${ms}, ${formatBytes(trial.bytes)}`;
}

function describe({ chosen, front }: Tuning, input: TrialPoints): string {
  const points = counted(input.points.length, 'trial');
  const choice =
    chosen === null
      ? 'Nothing was chosen.'
      : `The choice is ${chosen.recipeName} with ${planLabel(chosen.plan)}.`;
  return [
    `${points}, ${front.length} on the Pareto front.`,
    choice,
    'The table below holds every figure.',
  ].join(' ');
}
