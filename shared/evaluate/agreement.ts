/**
 * Whether two variants, or two versions of a model, say the same. Pure: a device asks it of live
 * requests and golden inputs, the controller of an evaluation set.
 */

import { own } from '../own.ts';
import { goldenLimits } from './golden.ts';
import { argmax, noiseRatio, splitSamples, toDecibel } from './metrics.ts';
import type { Tensors } from './tensor.ts';

/**
 * Whether two answers to the same request say the same. By a metric of classes: every sample's
 * largest element of the first output is the same; by any other: the difference is within what
 * 8 bits are allowed (`goldenLimits`). Pure.
 */
export function compareOutputs(
  before: Tensors,
  after: Tensors | null,
  metric: string | null,
): { readonly agrees: boolean; readonly noise: number } {
  let noise = 0;
  let classes = true;
  for (const [at, [name, wanted]] of Object.entries(before).entries()) {
    const got = after === null ? undefined : own(after, name);
    if (Array.isArray(wanted.data)) {
      const same = String(got?.data) === String(wanted.data);
      noise = Math.max(noise, same ? 0 : Infinity);
      classes &&= same;
      continue;
    }
    const batch = Math.max(1, wanted.dims[0] ?? 1);
    const gotten =
      got && !Array.isArray(got.data) ? splitSamples(got, { count: batch, batch }) : [];
    for (const [row, values] of splitSamples(wanted, { count: batch, batch }).entries()) {
      const own = gotten[row] ?? [];
      noise = Math.max(noise, noiseRatio(own, values));
      if (at === 0) classes &&= own.length === values.length && argmax(own) === argmax(values);
    }
  }
  const close = toDecibel(noise) >= goldenLimits.quantized;
  return { agrees: isOfClasses(metric, before) ? classes : close, noise };
}

const classMetrics: readonly (string | null)[] = ['top1', 'top5', 'agreement'];

/** An answer of one number has no largest element worth comparing. */
function isOfClasses(metric: string | null, outputs: Tensors): boolean {
  const [first] = Object.values(outputs);
  return classMetrics.includes(metric) && (first?.data.length ?? 0) > (first?.dims[0] ?? 1);
}

/** How many of the samples of a run both answer alike, by the same rule. Pure. */
export function countAgreeing(
  before: Tensors,
  after: Tensors | null,
  { batch, metric }: { readonly batch: number; readonly metric: string | null },
): { readonly agreed: number; readonly noise: number } {
  const { agrees, noise } = compareOutputs(before, after, metric);
  const wanted = rowsOf(before, before, batch);
  const gotten = after && rowsOf(before, after, batch);
  if (wanted === null) return { agreed: agrees ? batch : 0, noise };
  const agreed = wanted.filter((own, row) => sampleAgrees(own, gotten?.[row] ?? [], metric));
  return { agreed: agreed.length, noise };
}

/** Outputs sample by sample, in the order of the first; null where some are text. */
function rowsOf(like: Tensors, tensors: Tensors, batch: number): ArrayLike<number>[][] | null {
  const outputs = Object.keys(like).map((name) => tensors[name]);
  if (outputs.some((one) => Array.isArray(one?.data))) return null;
  const split = outputs.map((one) => (one ? splitSamples(one, { count: batch, batch }) : []));
  return Array.from({ length: batch }, (_, row) => split.map((rows) => rows[row] ?? []));
}

/** The same rule for one sample's outputs, in the order of the model's outputs. Pure. */
export function sampleAgrees(
  before: readonly ArrayLike<number>[],
  after: readonly ArrayLike<number>[],
  metric: string | null,
): boolean {
  const [wanted = [], own = []] = [before[0], after[0]];
  if (classMetrics.includes(metric) && wanted.length > 1) {
    return own.length === wanted.length && argmax(own) === argmax(wanted);
  }
  const noise = before.map((values, at) => noiseRatio(after[at] ?? [], values));
  return toDecibel(Math.max(0, ...noise)) >= goldenLimits.quantized;
}
