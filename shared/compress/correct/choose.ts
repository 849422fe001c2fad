/**
 * Which corrections a model gets: each is tried on one half of the calibration set and judged on
 * the other, which it has not seen. Greedy: the best is kept, then another beside it.
 */

import { batches, type DataSet } from '../../evaluate/dataset.ts';
import { openExact } from '../../evaluate/exact.ts';
import { argmax, noiseRatio } from '../../evaluate/metrics.ts';
import type { Selection } from '../../evaluate/selection.ts';
import { numbersOf, type RuntimeTensor, type Tensors } from '../../evaluate/tensor.ts';
import { elementCount } from '../../onnx/elements.ts';
import type { Model } from '../../onnx/graph.ts';
import { inferShapes } from '../../onnx/shapes.ts';
import { writeModel } from '../../onnx/write.ts';
import { own } from '../../own.ts';
import { answeringWith, judgedValues } from '../judged.ts';
import type { Recipe } from '../recipe.ts';

export type Corrections = NonNullable<Recipe['corrections']>;

export interface ChooseOptions {
  readonly dataSet: DataSet;
  readonly threads: number;
  readonly signal: AbortSignal;
  /** The corrections that this recipe and model allow. */
  readonly possible: Corrections;
  /** The quantized model with these corrections, measured on the selected samples. */
  build(corrections: Corrections, fit: Selection): Promise<Model>;
}

export interface Choice {
  readonly corrections: Corrections;
  /** With the figures, one sentence each. */
  readonly notes: readonly string[];
}

/** Of the samples of one half, how the quantized model's outputs compare with the float model's. */
interface Score {
  /** Noise power over signal power, mean over samples. */
  readonly noise: number;
  /** The share of samples with the same largest output. */
  readonly agreement: number;
}

export interface Tried extends Score {
  readonly corrections: Corrections;
}

/** Values of activations that may be computed for the samples of one half. */
const elementsMax = 2 ** 27;
const samplesMax = 64;
/** With fewer samples chance decides. */
const samplesMin = 8;
/** What noise must fall to for a correction to be kept: smaller gains may well be chance. */
const worthwhile = 0.9;

export async function chooseCorrections(model: Model, options: ChooseOptions): Promise<Choice> {
  const { dataSet, possible } = options;
  const limit = Math.min(halfLimit(model), Math.floor(dataSet.samples / 2));
  if (limit < samplesMin) {
    const corrections: Corrections = possible.includes('bias') ? ['bias'] : [];
    const reason = `${dataSet.samples} calibration samples are too few to judge others on`;
    return { corrections, notes: [`Corrections: ${named(corrections)}; ${reason}.`] };
  }
  const [fit, judge] = [
    { limit, every: 2, from: 0 },
    { limit, every: 2, from: 1 },
  ];
  const judged = judgedValues(model);
  const answers = (of: Model) => answersOf(answeringWith(of, judged), judge, options);
  const expected = await answers(model);
  const tried = await tryGreedily(possible, async (corrections) =>
    scoreOf(await answers(await options.build(corrections, fit)), expected),
  );
  const corrections = tried.reduce(better).corrections;
  const figures = tried.map(
    (one) => `${named(one.corrections)} ${percent(one.noise)} (${percent(one.agreement)} agree)`,
  );
  return {
    corrections,
    notes: [
      `Corrections: ${named(corrections)}, by output noise on ${limit} held-out calibration ` +
        `samples: ${figures.join(', ')}.`,
    ],
  };
}

/** Every combination that was looked at, none first. */
export async function tryGreedily(
  possible: Corrections,
  score: (corrections: Corrections) => Promise<Score>,
): Promise<Tried[]> {
  const look = async (corrections: Corrections) => ({ corrections, ...(await score(corrections)) });
  let best: Tried = await look([]);
  const tried = [best];
  for (;;) {
    const before = best;
    for (const correction of possible) {
      if (!adds(correction, before.corrections)) continue;
      const next = await look([...before.corrections, correction]);
      tried.push(next);
      best = better(best, next);
    }
    if (best === before) return tried;
  }
}

/** Statistics match the mean as well: bias beside them does nothing. */
function adds(correction: Corrections[number], kept: Corrections): boolean {
  const means: Corrections = ['bias', 'statistics'];
  if (means.includes(correction)) return !kept.some((other) => means.includes(other));
  return !kept.includes(correction);
}

function better(a: Tried, b: Tried): Tried {
  return b.noise < a.noise * worthwhile ? b : a;
}

function halfLimit(model: Model): number {
  const shapes = inferShapes(model);
  let elements = 1;
  for (const { outputs } of model.graph.nodes) {
    for (const output of outputs) {
      const dims = shapes.get(output)?.dims ?? [];
      elements += elementCount(dims.map((dim) => (typeof dim === 'number' ? dim : 1)));
    }
  }
  return Math.max(samplesMin, Math.min(samplesMax, Math.floor(elementsMax / elements)));
}

/** What the model answers for each sample, by output name. */
async function answersOf(
  model: Model,
  judge: Selection,
  { dataSet, signal, threads }: ChooseOptions,
): Promise<Tensors[]> {
  const session = await openExact(writeModel(model), { threads });
  const answers: Tensors[] = [];
  try {
    for await (const { feeds } of batches(dataSet, judge)) {
      signal.throwIfAborted();
      answers.push(await session.run(feeds));
    }
  } finally {
    await session.release();
  }
  return answers;
}

function scoreOf(got: readonly Tensors[], expected: readonly Tensors[]): Score {
  let [noise, same, count] = [0, 0, 0];
  for (const [at, outputs] of expected.entries()) {
    const pairs = Object.entries(outputs).flatMap(([name, tensor]) => {
      const other = own(got[at], name);
      return other && tensor.type !== 'string' ? [[other, tensor] as const] : [];
    });
    noise += Math.max(
      0,
      ...pairs.map(([one, other]) => noiseRatio(numbersOf(one), numbersOf(other))),
    );
    const [first] = pairs;
    if (first && classOf(first[0]) === classOf(first[1])) same += 1;
    count += 1;
  }
  return { noise: noise / Math.max(1, count), agreement: same / Math.max(1, count) };
}

function classOf(tensor: RuntimeTensor): number {
  return argmax(numbersOf(tensor));
}

function named(corrections: Corrections): string {
  return corrections.length === 0 ? 'none' : corrections.join(' and ');
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`;
}
