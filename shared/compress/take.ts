/** A variant is taken where it is worth having; else the model stays float, or its source stays. */
import { type DataSet, openDataSet } from '../evaluate/dataset.ts';
import type { Quality } from '../protocol/tuning.ts';
import { buildVariant } from './build.ts';
import { obstaclesTo } from './obstacles.ts';
import { timerOf } from './pays.ts';
import { randomOperators } from './random-operators.ts';
import { isSource, isWeightOnly, type Recipe, sourceRecipe } from './recipe.ts';
import { inputsOf } from './source.ts';
import { calibrationOf, type Made, makeVariant, type Work } from './work.ts';
import { worthOf } from './worth.ts';

type Found = Made & { readonly quality: Quality | null };

/** What a promise of quality without a timing of its own is timed with. */
const defaultTiming = { threads: 1, seconds: 3 };

export async function takeIfWorth(work: Work, found: Found): Promise<Found> {
  const { source, request } = work;
  const bytes = found.built.bytes.length;
  const saves = savesBytesOnly(found.recipe) ? bytes < source.bytes.length : true;
  if (!saves || bytes > source.bytes.length) {
    const what = savesBytesOnly(found.recipe) ? 'Narrow weights' : 'The variant';
    const random = randomOperators(source.model);
    const notes = [
      ...(random === null ? [] : [random]),
      ...obstaclesTo(work.canonical.model, request.recipe).notes,
      `${what} would take ${bytes} bytes and the source has ${source.bytes.length}: ` +
        'it is left as it is.',
    ];
    return sourceOf(work, notes);
  }
  const { timing = defaultTiming, budget } = request;
  const here = request.timing !== undefined || request.recipe.target === undefined;
  const lossless = found.recipe.bits === 32 && found.quality?.drop === 0;
  if ((!request.timing && !budget) || !here || lossless) return found;
  return timed(work, found, timing);
}

async function timed(
  work: Work,
  found: Found,
  timing: { readonly threads: number; readonly seconds: number },
): Promise<Found> {
  const { source, request } = work;
  const float = await makeVariant(work, { v: 1, bits: 32 });
  const time = timerOf(await anyData(work, found.recipe), { ...timing, signal: request.signal });
  const models = [source.bytes, found.built.bytes, float.built.bytes];
  const [sourceMs = 0, variantMs = 0, floatMs = 0] = await time(models);
  const smaller = savesBytesOnly(found.recipe) || request.maxBytes !== undefined;
  const { take, reason } = worthOf({ sourceMs, variantMs, floatMs, ...found, smaller });
  const note = `Speed on this machine: ${reason}.`;
  if (take === 'variant') return withNotes(found, [note]);
  return take === 'source'
    ? sourceOf(work, [note])
    : { ...withNotes({ ...float, quality: null }, [note]), quality: null };
}

function savesBytesOnly(recipe: Recipe): boolean {
  const widths = [recipe.bits, ...Object.values(recipe.layers ?? {})];
  return !isSource(recipe) && isWeightOnly(recipe) && widths.some((bits) => bits < 32);
}

/** How long a run takes is all that is asked of it. */
function anyData(work: Work, recipe: Recipe): Promise<DataSet> {
  const { calibrationPath, budget, manifest } = work.request;
  if (calibrationPath !== null || !budget) return calibrationOf(work, recipe);
  return openDataSet(budget.evaluationPath, {
    inputs: inputsOf(work.canonical.model),
    preparation: manifest?.inputs,
  });
}

function sourceOf({ source }: Work, notes: readonly string[]): Found {
  const built = buildVariant(source.bytes, sourceRecipe, null);
  const made = { recipe: sourceRecipe, built, record: null };
  return withNotes({ ...made, quality: null }, notes);
}

function withNotes(found: Found, notes: readonly string[]): Found {
  return { ...found, built: { ...found.built, notes: [...found.built.notes, ...notes] } };
}
