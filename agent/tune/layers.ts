/** How long each layer of a variant takes here, measured in a process of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { isSource, sameRecipe } from '../../shared/compress/recipe.ts';
import { reasonOf } from '../../shared/errors.ts';
import type { Choice, Plan, Tuning } from '../../shared/protocol/tuning.ts';
import type { VariantFile, VariantLayer } from '../../shared/variants.ts';
import { runChild, siblingModule } from '../measured-child.ts';
import { NodeProfileAnswer, type NodeProfileRequest } from './trial-protocol.ts';
import type { Tuner } from './tuner.ts';

const profile = { runsMin: 20, runsMax: 60, seconds: 1 } as const;

/** Microseconds by layer, null where the file has no such layer; null where nothing is known. */
export type LayerTimes = (number | null)[] | null;

type Profiled = Pick<VariantFile, 'path' | 'goldenPath'>;

/** The times of the same layers in each of the files, in one process. */
export async function profileLayers(
  { request, budget, memoryMiB }: Tuner,
  files: readonly Profiled[],
  { layers, plan }: { readonly layers: readonly VariantLayer[]; readonly plan: Plan },
): Promise<LayerTimes[]> {
  const said: LayerTimes[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'fettle-nodes-'));
  const asked: NodeProfileRequest = {
    files: files.map(({ path, goldenPath }) => ({ path, goldenPath })),
    ...{ folder, plan, layers: layers.map(({ name }) => name), ...profile },
  };
  try {
    await runChild({
      module: siblingModule(import.meta.url, 'node-profile-child.ts'),
      request: asked,
      timeoutMs: 1000 * Math.max(1, budget.leftSeconds()),
      memoryLimitMiB: memoryMiB,
      niceness: request.niceness ?? 0,
      signal: request.signal,
      onLine(line) {
        const answer = v.safeParse(NodeProfileAnswer, line);
        if (answer.success) said.push(answer.output.layerUs);
      },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return files.map((_, at) => said[at] ?? null);
}

/** The document holds no more layers. */
const layersMax = 500;
/** With less left no time is measured. */
const secondsMin = 1;

/**
 * Each layer's bits and channels in what was chosen; where the device searched and has time left
 * also how long it takes in the source and in what was chosen, under the chosen plan. Explains a
 * choice and decides nothing: what goes wrong costs the explanation.
 */
export async function layersOf(
  tuner: Tuner,
  chosen: Choice | null,
  { timed }: { readonly timed: boolean },
): Promise<Tuning['layers']> {
  if (chosen === null) return;
  try {
    const variant = await tuner.fetch(chosen.recipe);
    const layers = variant.layers ?? [];
    if (layers.length === 0 || layers.length > layersMax) return;
    const times = timed && chosen.plan.stages === 1 ? await timesOf(tuner, chosen, variant) : null;
    return layers.map(({ name, bits, channels }, at) => ({
      ...{ name, bits, ...(channels && { channels }) },
      beforeUs: times?.beforeUs?.[at] ?? null,
      afterUs: times?.afterUs?.[at] ?? null,
    }));
  } catch (thrown) {
    tuner.request.signal.throwIfAborted();
    tuner.notes.push(`the layers could not be profiled: ${reasonOf(thrown)}`);
    return;
  }
}

/** Before and after; null where there is no time to measure them. */
async function timesOf(tuner: Tuner, { recipe, plan }: Choice, variant: VariantFile) {
  if (tuner.budget.leftSeconds() < secondsMin) return null;
  const source = tuner.space.recipes.find(isSource);
  const before = source ? [await tuner.fetch(source)] : [];
  const after = source && sameRecipe(source, recipe) ? [] : [variant];
  const alone = { ...plan, instances: 1, batch: 1 };
  const asked = { layers: variant.layers ?? [], plan: alone };
  const times = await profileLayers(tuner, [...before, ...after], asked);
  return { beforeUs: before.length > 0 ? times[0] : null, afterUs: times.at(-1) };
}
