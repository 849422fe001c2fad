/** How long each layer of a variant takes here, measured in a process of its own. */
import * as v from 'valibot';
import { isSource, sameRecipe } from '../../shared/compress/recipe.ts';
import { reasonOf } from '../../shared/errors.ts';
import type { Choice, Plan, Tuning } from '../../shared/protocol/tuning.ts';
import type { VariantFile } from '../../shared/variants.ts';
import { runChild, siblingModule } from '../measured-child.ts';
import { NodeProfileAnswer, type NodeProfileRequest } from './trial-protocol.ts';
import type { Tuner } from './tuner.ts';

const profile = { runsMin: 20, runsMax: 60, seconds: 1 } as const;

/** Microseconds by layer, null where this file has no such layer; null where nothing is known. */
export async function profileLayers(
  { request, budget, memoryMiB }: Tuner,
  { path, goldenPath, layers = [] }: Pick<VariantFile, 'path' | 'goldenPath' | 'layers'>,
  plan: Plan,
): Promise<(number | null)[] | null> {
  let said: unknown;
  const names = layers.map(({ name }) => name);
  const asked: NodeProfileRequest = { path, goldenPath, plan, layers: names, ...profile };
  await runChild({
    module: siblingModule(import.meta.url, 'node-profile-child.ts'),
    request: asked,
    timeoutMs: 1000 * Math.max(1, budget.leftSeconds()),
    memoryLimitMiB: memoryMiB,
    niceness: request.niceness ?? 0,
    signal: request.signal,
    onLine(line) {
      said = line;
    },
  });
  const answer = v.safeParse(NodeProfileAnswer, said);
  return answer.success ? answer.output.layerUs : null;
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

/** Microseconds by layer, before and after; null where there is no time to measure them. */
async function timesOf(tuner: Tuner, { recipe, plan }: Choice, variant: VariantFile) {
  const { budget, space } = tuner;
  const hasTime = () => budget.leftSeconds() >= secondsMin;
  const source = space.recipes.find(isSource);
  const alone = { ...plan, instances: 1, batch: 1 };
  const { layers = [] } = variant;
  if (!hasTime()) return null;
  const before = source && (await tuner.fetch(source));
  const beforeUs = before ? await profileLayers(tuner, { ...before, layers }, alone) : null;
  if (source && sameRecipe(source, recipe)) return { beforeUs, afterUs: beforeUs };
  const afterUs = hasTime() ? await profileLayers(tuner, variant, alone) : null;
  return { beforeUs, afterUs };
}
