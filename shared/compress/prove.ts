/**
 * Proves by running both that the canonical model computes what its source does: a rewrite that
 * changes more than rounding is named and left out.
 */

import { FettleError } from '../errors.ts';
import { openSession } from '../evaluate/runtime.ts';
import type { Tensors } from '../evaluate/tensor.ts';
import type { Model } from '../onnx/graph.ts';
import { writeModel } from '../onnx/write.ts';
import { type Canonical, canonicalise, rewriteNames } from './canonical/canonicalise.ts';
import { noiseShare } from './noise-share.ts';
import { randomOperators } from './random-operators.ts';
import type { FileRequest } from './request.ts';
import type { Source } from './source.ts';
import { runEach, type SourceRuns, sourceRuns } from './source-runs.ts';

/** The canonical model, and what had to be left out of making it. */
export interface Proven {
  readonly canonical: Canonical;
  /** Names of rewrites. */
  readonly without: readonly string[];
  /** What the source was seen to give; a sentence where it ran on no made input. */
  readonly runs: SourceRuns | string;
}

/** Noise power over signal power that adding up in another order may make: 100 dB. */
const roundingShare = 1e-10;
/** A model that magnifies rounding may differ by so many times what its own fusions change. */
const ownShareTimes = 100;

type Run = (bytes: Uint8Array, optimization?: 'disabled') => Promise<readonly Tensors[]>;

/** Throws `MODEL_UNRUNNABLE` where the runtime cannot run the source on its calibration samples. */
export async function provenCanonical(source: Source, request: FileRequest): Promise<Proven> {
  const given = request.record?.without ?? [];
  const runs = await sourceRuns(source, request);
  const why = randomOperators(source.model) ?? (typeof runs === 'string' ? runs : null);
  if (why !== null || typeof runs === 'string') {
    const canonical = canonicalise(source.model, given);
    return { canonical: why === null ? canonical : noted(canonical, why), without: given, runs };
  }
  const { samples, results } = runs;
  const run: Run = (bytes, optimization) => runAll(bytes, samples, optimization);
  let allowed: number | undefined;
  const judge = async (without: readonly string[]) => {
    request.signal.throwIfAborted();
    const canonical = canonicalise(source.model, without);
    const share = await shareOf(canonical.model, run, results);
    if (share > roundingShare) {
      allowed ??= ownShareTimes * worst(results, await run(source.bytes, 'disabled'));
    }
    const same = share <= Math.max(roundingShare, allowed ?? 0);
    return { canonical, without, runs, share, same };
  };
  const asked = await judge(given);
  return asked.same ? asked : repaired(given, asked.share, judge);
}

interface Judged extends Proven {
  readonly share: number;
  readonly same: boolean;
}

/** Leaves out the one rewrite that differs; where it is not one, all that differ when added. */
async function repaired(
  given: readonly string[],
  share: number,
  judge: (without: readonly string[]) => Promise<Judged>,
): Promise<Proven> {
  const names = rewriteNames.filter((name) => !given.includes(name));
  for (const name of names) {
    const judged = await judge([...given, name]);
    if (judged.same) return { ...judged, canonical: noted(judged.canonical, said([name], share)) };
  }
  let best = await judge([...given, ...names]);
  if (!best.same) {
    const differs = 'written anew it computes something else than its source';
    const reason = `${differs} (${decibels(best.share)})`;
    throw new FettleError('VARIANT_FAILED', { recipe: 'of the model', reason });
  }
  for (const name of names) {
    const judged = await judge(best.without.filter((other) => other !== name));
    if (judged.same) best = judged;
  }
  const left = best.without.filter((name) => !given.includes(name));
  return { ...best, canonical: noted(best.canonical, said(left, share)) };
}

function said(names: readonly string[], share: number): string {
  return (
    `Left out, as the model then computes something else than its source (${decibels(share)}): ` +
    `${names.join(', ')}.`
  );
}

function decibels(share: number): string {
  return Number.isFinite(share) ? `${(-10 * Math.log10(share)).toFixed(1)} dB` : 'it does not run';
}

function noted(canonical: Canonical, note: string): Canonical {
  return { ...canonical, notes: [...canonical.notes, note] };
}

async function runAll(
  bytes: Uint8Array,
  samples: readonly Tensors[],
  optimization: 'disabled' | 'all' = 'all',
): Promise<readonly Tensors[]> {
  const session = await openSession(bytes, { threads: 1, spinning: false, optimization });
  try {
    return await runEach(session, samples);
  } finally {
    await session.release();
  }
}

/** Infinite where the model does not run. */
async function shareOf(model: Model, run: Run, expected: readonly Tensors[]): Promise<number> {
  try {
    return worst(expected, await run(writeModel(model)));
  } catch (thrown) {
    if (thrown instanceof FettleError && thrown.code === 'MODEL_UNRUNNABLE') {
      return Number.POSITIVE_INFINITY;
    }
    throw thrown;
  }
}

function worst(expected: readonly Tensors[], got: readonly Tensors[]): number {
  return expected.reduce((most, one, at) => Math.max(most, noiseShare(one, got[at] ?? {})), 0);
}
