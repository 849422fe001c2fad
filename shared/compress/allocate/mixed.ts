/**
 * Bits of each layer for a budget of bytes: proposed by what layers lose one by one, decided by
 * what whole variants lose on calibration samples.
 */
import { availableParallelism } from 'node:os';
import { digestOf } from '../../digest.ts';
import { FettleError } from '../../errors.ts';
import { readModel } from '../../onnx/read.ts';
import { buildFrom, hasIntegers } from '../build.ts';
import { type BitWidth, type Recipe, recipeName } from '../recipe.ts';
import type { MeasureRecord } from '../record.ts';
import type { BytesBudget } from '../request.ts';
import { outputNoises, type SensitivityOptions } from '../sensitivity.ts';
import { calibrationOf, makeVariant, prunedOf, type Work } from '../work.ts';
import { type Allocation, leastLoss, type Unit } from './front.ts';
import { type BitsOption, measuredWidths, widthsFrom } from './widths.ts';

/** Layers and variants are judged on this many calibration samples. */
const judgeSamples = 64;

export interface Mixed {
  readonly recipe: Recipe;
  readonly notes: readonly string[];
}

/** Throws `CALIBRATION_MISSING`, and `VARIANT_FAILED` where nothing is so small. */
export async function mixedRecipe(work: Work, recipe: Recipe, budget: BytesBudget): Promise<Mixed> {
  const sourceBytes = work.source.bytes.length;
  const maxBytes = 'bytes' in budget ? budget.bytes : Math.floor(budget.share * sourceBytes);
  const allowed = (layer: string) => widthsFrom(recipe, layer);
  const { units, record } = await unitsOf(work, recipe, allowed);
  const sizeOf = (layers: Recipe['layers']) => bytesOf(work, { ...recipe, layers }, record);
  const proposals = proposed(recipe, { units, maxBytes, sizeOf });
  const judged: { proposal: Proposal; noise: number }[] = [];
  for (const proposal of proposals) {
    const { built } = await makeVariant(work, proposal.recipe);
    // Corrected biases add some bytes to what was estimated without them.
    if (built.bytes.length > maxBytes && proposals.length > 1) continue;
    judged.push({ proposal, noise: await noiseOf(work, proposal.recipe, built.bytes) });
  }
  const [best] = judged.toSorted((a, b) => a.noise - b.noise);
  if (!best) throw tooFew(recipe, maxBytes, `bytes of each proposal are more`);
  return { recipe: best.proposal.recipe, notes: [said(best.proposal, { judged, maxBytes })] };
}

/** What each layer may have, measured on the recipe's own channels. */
export async function unitsOf(
  work: Work,
  recipe: Recipe,
  allowed: (layer: string) => readonly BitWidth[],
): Promise<{ units: Unit<BitsOption>[]; record: MeasureRecord | null }> {
  const { model } = await prunedOf(work, recipe);
  const dataSet = await calibrationOf(work, recipe);
  const record = hasIntegers(recipe) ? (await makeVariant(work, recipe)).record : null;
  const { signal, onProgress } = work.request;
  const measure = { dataSet, source: digestOf(work.source.bytes), signal, onProgress };
  const judge = await judgeOf(work, recipe);
  return {
    units: await measuredWidths(model, recipe, { measure, judge, allowed, record }),
    record,
  };
}

async function judgeOf(work: Work, recipe: Recipe): Promise<SensitivityOptions> {
  const { signal, onProgress } = work.request;
  const dataSet = await calibrationOf(work, recipe);
  const threads = Math.min(4, availableParallelism());
  return { dataSet, limit: judgeSamples, threads, signal, onProgress };
}

interface Proposal {
  readonly what: string;
  readonly recipe: Recipe;
}

interface Sized {
  readonly units: readonly Unit<BitsOption>[];
  readonly maxBytes: number;
  sizeOf(layers: Recipe['layers']): number;
}

/** The mix that adds up to the least loss, and the widest bits for all alike. */
function proposed(recipe: Recipe, sized: Sized): Proposal[] {
  const mix = fitting(recipe, sized);
  const alike = widthsOf(sized.units).find(
    (bits) => sized.sizeOf(layersOf(recipe, uniform(sized.units, bits))) <= sized.maxBytes,
  );
  const proposals = [{ what: 'a mix', layers: layersOf(recipe, mix) }];
  if (alike !== undefined) {
    const layers = layersOf(recipe, uniform(sized.units, alike));
    proposals.push({ what: `${alike} bits throughout`, layers });
  }
  return proposals.map(({ what, layers }) => ({ what, recipe: { ...recipe, layers } }));
}

/** Estimates of single layers leave out what the file has besides; each try learns that. */
const triesMax = 8;

function fitting(recipe: Recipe, { units, maxBytes, sizeOf }: Sized): Chosen {
  let besides = 0;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const found = leastLoss(units, { cost: 'bytes', budget: maxBytes - besides });
    const chosen = found ? chosenOf(found) : smallest(units);
    const size = sizeOf(layersOf(recipe, chosen));
    if (found && size <= maxBytes) return chosen;
    if (!found && size > maxBytes) throw tooFew(recipe, maxBytes, `the smallest has ${size}`);
    if (!found) return chosen;
    besides = Math.max(besides + 1, size - found.bytes);
  }
  return smallest(units);
}

type Chosen = ReadonlyMap<string, BitWidth>;

function chosenOf({ chosen }: Allocation<BitsOption>): Chosen {
  return new Map([...chosen].map(([name, { bits }]) => [name, bits]));
}

function smallest(units: readonly Unit<BitsOption>[]): Chosen {
  return new Map(
    units.map(({ name, options }) => {
      const [least] = options.toSorted((a, b) => a.bytes - b.bytes);
      return [name, least?.bits ?? 32];
    }),
  );
}

/** So many bits, or the nearest above that the layer can have. */
function uniform(units: readonly Unit<BitsOption>[], bits: BitWidth): Chosen {
  return new Map(
    units.map(({ name, options }) => {
      const wider = options.filter((option) => option.bits >= bits).toSorted(byBits)[0];
      return [name, wider?.bits ?? options.toSorted(byBits).at(-1)?.bits ?? 32];
    }),
  );
}

/** The widest first. */
function widthsOf(units: readonly Unit<BitsOption>[]): BitWidth[] {
  const all = units.flatMap(({ options }) => options).toSorted(byBits);
  return [...new Set(all.map(({ bits }) => bits))].reverse();
}

function byBits(a: BitsOption, b: BitsOption): number {
  return a.bits - b.bits;
}

/** Only layers that differ are named. */
function layersOf(recipe: Recipe, chosen: Chosen): NonNullable<Recipe['layers']> {
  const differing = [...chosen].filter(([, bits]) => bits !== recipe.bits);
  return { ...recipe.layers, ...Object.fromEntries(differing) };
}

/** Of the built file, rounded without measuring: the same bits take the same bytes. */
function bytesOf(work: Work, recipe: Recipe, record: MeasureRecord | null): number {
  const prune = [...work.known.pruned.values()].at(-1)?.prune ?? undefined;
  const pruned = prune ? { ...empty(work, recipe), prune } : null;
  // Weights that were rounded for other bits than these are rounded anew, to the nearest.
  const measured = record && { ...record, narrow: {} };
  return buildFrom(work.canonical, recipe, measured ?? pruned).bytes.length;
}

function empty(work: Work, recipe: Recipe): MeasureRecord {
  const model = digestOf(work.source.bytes);
  return { v: 1, model, recipe, samples: 0, ranges: {}, biases: {}, float: {}, notes: [] };
}

async function noiseOf(work: Work, recipe: Recipe, bytes: Uint8Array): Promise<number> {
  const changed = readModel(bytes);
  const [noise = 0] = await outputNoises(
    work.canonical.model,
    [() => changed],
    await judgeOf(work, recipe),
  );
  return noise;
}

function said(
  best: Proposal,
  {
    judged,
    maxBytes,
  }: { judged: readonly { proposal: Proposal; noise: number }[]; maxBytes: number },
): string {
  const figures = judged.map(
    ({ proposal: { what }, noise }) => `${what} ${(-10 * Math.log10(noise + 1e-12)).toFixed(1)} dB`,
  );
  return (
    `Bits for at most ${maxBytes} bytes: ${best.what}, by the outputs' signal to noise on ` +
    `calibration samples (${figures.join(', ')}).`
  );
}

function tooFew(recipe: Recipe, maxBytes: number, reason: string): FettleError {
  return new FettleError('VARIANT_FAILED', {
    recipe: recipeName(recipe),
    reason: `at most ${maxBytes} bytes are asked for, and ${reason}`,
  });
}
