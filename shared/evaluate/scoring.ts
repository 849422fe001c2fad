/** Scores of single samples by a metric, added up as answers come in. Pure. */
import { FettleError } from '../errors.ts';
import { type Answer, classesOf, isMany, type Outputs, sameShare, thresholdOf } from './answer.ts';
import {
  isAmongTop,
  type Metric,
  meanSquaredDifference,
  metricTable,
  noiseRatio,
} from './metrics.ts';
import type { Outcome } from './outcome.ts';

export interface ScoringOptions {
  readonly metric: Metric;
  readonly answer: Answer;
  /** Of the samples in their order; null where the data set has none. */
  readonly labels: readonly number[] | null;
  /** Names the data set in messages. */
  readonly path: string;
  /** null where the source itself is scored. */
  readonly source: Outcome | null;
}

export interface Sample {
  readonly outputs: Outputs;
  /** What the source answers; none where it is not run beside. */
  readonly reference: Outputs;
}

interface State extends ScoringOptions {
  readonly scores: number[];
  readonly classes: number[];
  /** Answers of one number, whose classes are known once all have been seen. */
  readonly numbers: number[];
  /** Shares of each sample in which both say the same; none where the source is not run beside. */
  readonly shares: number[];
  /** Whether the opposite of an answer scored less anywhere. */
  tellsApart: boolean;
}

export interface Scoring {
  readonly count: number;
  /** Throws `DATA_MISMATCH` where a label is no class of the model. */
  add(sample: Sample): void;
  /** Throws `METRIC_IMPOSSIBLE` where the metric would be 1 for any answer. */
  outcome(): Outcome;
}

export function scoringOf(options: ScoringOptions): Scoring {
  const { metric, answer } = options;
  requireClasses(metric, answer);
  const state: State = {
    ...options,
    ...{ scores: [], classes: [], numbers: [], shares: [], tellsApart: false },
  };
  return {
    get count() {
      return state.scores.length;
    },
    add: (sample) => add(state, sample),
    outcome: () => outcomeOf(state),
  };
}

function add(state: State, sample: Sample): void {
  const { answer, metric, source } = state;
  const index = state.scores.length;
  const values = sample.outputs[answer.output] ?? [];
  if (answer.kind === 'number') state.numbers.push(values[0] ?? Number.NaN);
  const [own = 0] = classesOf(answer, sample.outputs, 0);
  state.classes.push(storedClass(answer, own));
  const score = scoreOf(state, sample, index);
  state.scores.push(score);
  if (sample.reference.length > 0 && answer.kind !== 'number') {
    const threshold = 0;
    state.shares.push(
      sameShare(answer, { own: sample.outputs, other: sample.reference, threshold }),
    );
  }
  if (state.tellsApart || source !== null || answer.kind === 'number') return;
  if (metricTable[metric].reference === 'output' || score < 1) state.tellsApart = true;
  else state.tellsApart = oppositeScore(state, sample.outputs, index) < 1;
}

function scoreOf(state: State, { outputs, reference }: Sample, index: number): number {
  const { metric, answer, source } = state;
  switch (metric) {
    case 'top1':
    case 'top5':
      return rightness(state, outputs, index);
    case 'agreement':
      if (source === null) return 1;
      if (isMany(answer))
        return sameShare(answer, { own: outputs, other: reference, threshold: 0 });
      return source.classes[index] === state.classes[index] ? 1 : 0;
    case 'sqnr':
      return Math.max(0, ...reference.map((own, at) => noiseRatio(outputs[at] ?? [], own)));
    case 'mse':
      return Math.max(
        0,
        ...reference.map((own, at) => meanSquaredDifference(outputs[at] ?? [], own)),
      );
  }
}

/** 1 where the label is the answer, or among the five largest. */
function rightness(state: State, outputs: Outputs, index: number): number {
  const { answer, metric } = state;
  const values = outputs[answer.output] ?? [];
  switch (answer.kind) {
    case 'classes': {
      const label = labelOf(state, index, values.length);
      return isAmongTop(values, label, metric === 'top5' ? 5 : 1) ? 1 : 0;
    }
    case 'number':
      labelOf(state, index, 2);
      return 0;
    default:
      return values[0] === state.labels?.[index] ? 1 : 0;
  }
}

/** What the metric gives a model that answers the opposite to this sample. */
function oppositeScore(state: State, outputs: Outputs, index: number): number {
  const opposite = outputs.map((values) => Array.from(values, (value) => -value));
  return state.metric === 'agreement'
    ? sameShare(state.answer, { own: opposite, other: outputs, threshold: 0 })
    : rightness(state, opposite, index);
}

function outcomeOf(state: State): Outcome {
  const { metric, answer, source, scores, classes, numbers, shares } = state;
  const kept = { v: 1, metric, samples: scores.length } as const;
  const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  const same = shares.length > 0 ? { agreement: mean } : {};
  if (answer.kind !== 'number') {
    if (source === null) requireTelling(metric, state.tellsApart || scores.length === 0);
    return { ...kept, scores, classes, ...same };
  }
  const threshold = source?.threshold ?? thresholdOf(numbers);
  const two = numbers.map((value) => (value > threshold ? 1 : 0));
  if (metricTable[metric].reference === 'output') return { ...kept, scores, classes: two };
  if (metric === 'agreement' && source === null) requireProbabilities(threshold);
  const own = two.map((one, at) =>
    metric === 'agreement'
      ? Number(source === null || source.classes[at] === one)
      : Number(state.labels?.[at] === one),
  );
  // The opposite of any number is below every threshold: it is of the first class.
  const tells = own.some((score, at) => score < 1 || two[at] === 1);
  if (source === null) requireTelling(metric, tells || own.length === 0);
  return { ...kept, scores: own, classes: two, threshold };
}

/** Throws `METRIC_IMPOSSIBLE` where the model has no such answer. */
function requireClasses(metric: Metric, answer: Answer): void {
  const { labels } = metricTable[metric];
  if (labels && isMany(answer)) {
    const reason = 'the model answers many classes a sample, and a sample has one label';
    throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason });
  }
  if (metric !== 'top5' || answer.kind === 'classes') return;
  const reason = 'the model does not rank classes: it names one';
  throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason });
}

function requireProbabilities(threshold: number): void {
  if (threshold > 0) return;
  const reason = 'the model answers one number a sample, which names no class: take sqnr or mse';
  throw new FettleError('METRIC_IMPOSSIBLE', { metric: 'agreement', reason });
}

function requireTelling(metric: Metric, tells: boolean): void {
  if (tells) return;
  const reason = 'it would be 1 for any answer, also for the opposite one: it judges nothing here';
  throw new FettleError('METRIC_IMPOSSIBLE', { metric, reason });
}

/** Labels may be negative, kept classes are not. */
function storedClass(answer: Answer, value: number): number {
  if (answer.kind !== 'labels') return Math.max(0, Math.trunc(value));
  const whole = Math.trunc(Math.abs(value));
  return Number.isSafeInteger(2 * whole) ? 2 * whole + (value < 0 ? 1 : 0) : 0;
}

function labelOf({ labels, path }: State, index: number, classes: number): number {
  const label = labels?.[index] ?? -1;
  if (label >= 0 && label < classes) return label;
  throw new FettleError('DATA_MISMATCH', {
    path,
    name: 'labels',
    expected: `classes from 0 to ${classes - 1}`,
    got: `${label} for sample ${index}`,
  });
}
