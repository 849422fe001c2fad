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

/**
 * Microseconds by layer; null where the variant shows another number of layers than
 * `variant.layers` names, or could not be profiled.
 */
export async function profileLayers(
  { request, budget, memoryMiB }: Tuner,
  { path, goldenPath, layers = [] }: Pick<VariantFile, 'path' | 'goldenPath' | 'layers'>,
  plan: Plan,
): Promise<number[] | null> {
  let said: unknown;
  const asked: NodeProfileRequest = { path, goldenPath, plan, layers: layers.length, ...profile };
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
/** Profiling two variants, loading included; what is over is kept for the answer. */
const secondsNeeded = 4;

/**
 * Each layer's bits, and its time in the source and in what was chosen, under the chosen plan.
 * Explains a choice and decides nothing: what goes wrong costs the explanation.
 */
export async function layersOf(tuner: Tuner, chosen: Choice | null): Promise<Tuning['layers']> {
  const { request, budget, space } = tuner;
  if (chosen === null || chosen.plan.stages > 1 || budget.leftSeconds() < secondsNeeded) return;
  try {
    const variant = await tuner.fetch(chosen.recipe);
    const layers = variant.layers ?? [];
    if (layers.length === 0 || layers.length > layersMax) return;
    const source = space.recipes.find(isSource);
    const before = source && (await tuner.fetch(source));
    const plan = { ...chosen.plan, instances: 1, batch: 1 };
    const beforeUs = before ? await profileLayers(tuner, { ...before, layers }, plan) : null;
    const same = source && sameRecipe(source, chosen.recipe);
    const afterUs = same ? beforeUs : await profileLayers(tuner, variant, plan);
    return layers.map(({ name, bits }, at) => ({
      ...{ name, bits },
      beforeUs: beforeUs?.[at] ?? null,
      afterUs: afterUs?.[at] ?? null,
    }));
  } catch (thrown) {
    request.signal.throwIfAborted();
    tuner.notes.push(`the layers could not be profiled: ${reasonOf(thrown)}`);
    return;
  }
}
