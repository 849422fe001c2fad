/**
 * Channels, blocks and bits together: each change is tried alone, dynamic programming puts together
 * what loses least for its time (`allocate/front.ts`), and what it proposes is built, run on
 * calibration samples held out, and timed in turns with the source. What only prunes and what only
 * quantizes is always among it. The evaluation set is not looked at.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../../canonical-json.ts';
import { openDataSet } from '../../evaluate/dataset.ts';
import { readModel } from '../../onnx/read.ts';
import { paretoFront } from '../allocate/front.ts';
import { measurePays, type TimeModels, timerOf } from '../pays.ts';
import { prunes, type Recipe, recipeName } from '../recipe.ts';
import { outputNoises, type SensitivityOptions } from '../sensitivity.ts';
import { inputsOf } from '../source.ts';
import { targetOf } from '../targets.ts';
import { calibrationOf, makeVariant, startWork, type Work } from '../work.ts';
import { promising, recipeOf, spread } from './changes.ts';
import type { Candidate } from './choose.ts';
import { splitCalibration } from './split.ts';
import { timedUnits } from './timed.ts';
import { tryChanges } from './units.ts';

export interface JointOptions {
  /** Of the runs that models are timed with. */
  readonly threads: number;
  /** The search ends about then, whatever is left to be tried. */
  readonly secondsMax: number;
  /** Of each comparison of times. */
  readonly timingSeconds: number;
}

/** Single changes take at most this share of the time. */
const changesShare = 0.35;
/** Proposals of each front. */
const proposals = 4;
const judgeSamples = 64;

type Proposal = Pick<Candidate, 'kind' | 'recipe'>;

/** Throws `CALIBRATION_MISSING`. */
export async function solveJoint(work: Work, options: JointOptions): Promise<Candidate[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-joint-'));
  try {
    const whole = await calibrationOf(work, { v: 1, bits: 8 });
    const { fitPath, judgePath } = await splitCalibration(whole.path, folder);
    const { record: _, ...request } = work.request;
    const fitted = startWork(work.source, { ...request, calibrationPath: fitPath }, work);
    const judge = await judgeOf(work, judgePath);
    const { threads, timingSeconds: seconds } = options;
    const { signal } = judge;
    const time = timerOf(judge.dataSet, { threads, seconds, signal });
    const startMs = performance.now();
    const scene = { work: fitted, judge, time, options, startMs };
    return await judged(scene, await proposed(scene));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Scene {
  /** Of the part of the samples that is fitted to. */
  readonly work: Work;
  readonly judge: SensitivityOptions;
  readonly time: TimeModels;
  readonly options: JointOptions;
  readonly startMs: number;
}

async function judgeOf({ canonical, request }: Work, path: string): Promise<SensitivityOptions> {
  const dataSet = await openDataSet(path, {
    inputs: inputsOf(canonical.model),
    preparation: request.manifest?.inputs,
  });
  const { signal, onProgress } = request;
  const threads = Math.min(4, availableParallelism());
  return { dataSet, limit: judgeSamples, threads, signal, onProgress };
}

/** What is worth building, what loses least first: the search may end before the last. */
async function proposed({ work, judge, time, options, startMs }: Scene): Promise<Proposal[]> {
  const { model } = work.canonical;
  const base: Recipe = { ...work.request.recipe, bits: 8 };
  const fit = await calibrationOf(work, base);
  const { signal, onProgress } = judge;
  const endMs = startMs + 1000 * changesShare * options.secondsMax;
  const pays = await measurePays(model, base, { ...options, ...judge, dataSet: fit, time });
  const rounding = targetOf(base).rounding;
  const tried = await tryChanges(model, { fit, judge, rounding, endMs });
  const units = await timedUnits(model, tried, { base: pays.recipe, fit, judge, time });
  const front = (bits: 32 | 8) => promising(paretoFront(units[bits], { cost: 'ms' }));
  const of = (bits: 32 | 8) =>
    spread(front(bits), proposals).map((one) => merged(bits === 8 ? pays.recipe : base, bits, one));
  signal.throwIfAborted();
  onProgress?.({ what: 'putting changes together', done: 1, total: 1, unit: 'steps' });
  const quantized = [base, pays.recipe].map((recipe) => proposal('quantize only', recipe));
  const uniform = [0.9, 0.75].flatMap((keep) => [
    proposal('prune only', { ...base, bits: 32, keep }),
    proposal('joint', { ...pays.recipe, keep }),
  ]);
  const mixed = of(8).flatMap((recipe, at) => [
    proposal('joint', recipe),
    ...of(32)
      .slice(at, at + 1)
      .flatMap((pruned) => [
        proposal('prune only', pruned),
        // Fitted for the one, it costs the other its quantization only.
        proposal('joint', { ...pays.recipe, ...structureOf(pruned) }),
      ]),
  ]);
  return distinct([proposal('float', { ...base, bits: 32 }), ...quantized, ...mixed, ...uniform]);
}

function merged(base: Recipe, bits: 32 | 8, allocation: Parameters<typeof recipeOf>[1]): Recipe {
  const own = recipeOf(bits, allocation);
  const layers = { ...(bits === 8 ? base.layers : {}), ...own.layers };
  return { ...base, ...own, ...(Object.keys(layers).length > 0 ? { layers } : {}) };
}

/** What a recipe takes out, without its bits. */
function structureOf({ bits: _, layers: __, ...structure }: Recipe): Partial<Recipe> {
  return structure;
}

function proposal(kind: Candidate['kind'], recipe: Recipe): Proposal {
  const pruned = prunes(recipe);
  const actual = recipe.bits === 32 ? (pruned ? 'prune only' : 'float') : kind;
  return { kind: actual === 'joint' && !pruned ? 'quantize only' : actual, recipe };
}

function distinct(all: readonly Proposal[]): Proposal[] {
  return [...new Map(all.map((one) => [canonicalJson(one.recipe), one])).values()];
}

/** Builds and measures one after the other while there is time; at least one of each kind. */
async function judged(scene: Scene, all: readonly Proposal[]): Promise<Candidate[]> {
  const { work, judge, time, options, startMs } = scene;
  const made: { proposal: Proposal; bytes: Uint8Array; noise: number }[] = [];
  for (const [at, proposal] of all.entries()) {
    judge.signal.throwIfAborted();
    const late = performance.now() > startMs + 1000 * options.secondsMax;
    if (late && made.some((one) => one.proposal.kind === proposal.kind)) continue;
    const what = `building ${recipeName(proposal.recipe)}`;
    judge.onProgress?.({ what, done: at, total: all.length, unit: 'steps' });
    const { built } = await makeVariant(work, proposal.recipe);
    const changed = readModel(built.bytes);
    const quiet = { ...judge, onProgress: undefined };
    const [noise = 0] = await outputNoises(work.canonical.model, [() => changed], quiet);
    made.push({ proposal, bytes: built.bytes, noise });
  }
  const [sourceMs = 0, ...times] = await time([
    work.source.bytes,
    ...made.map(({ bytes }) => bytes),
  ]);
  return made.map(({ proposal, bytes, noise }, at) => ({
    ...proposal,
    ...{ file: bytes, bytes: bytes.length, noise, speedup: sourceMs / (times[at] ?? sourceMs) },
  }));
}
