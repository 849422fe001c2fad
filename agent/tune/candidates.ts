/** What is worth trying on this device, in a good order, each with its reason. Pure. */
import { canonicalJson } from '../../shared/canonical-json.ts';
import { kernelTarget } from '../../shared/compress/kernel-target.ts';
import { isSource, type Recipe, recipeName, sameRecipe } from '../../shared/compress/recipe.ts';
import type { ModelGoal } from '../../shared/protocol/messages.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import type { Plan } from '../../shared/protocol/tuning.ts';
import { plansOf } from './plans.ts';

export interface Candidate {
  readonly recipe: Recipe;
  readonly plan: Plan;
  readonly reason: string;
}

export interface Skipped extends Candidate {
  readonly code: 'MEMORY_SHORT' | 'DISK_FULL';
  readonly neededMiB: number;
  readonly freeMiB: number;
}

export interface Space {
  /** The plans of this device, the one to try first in front. */
  readonly plans: readonly Plan[];
  readonly recipes: readonly Recipe[];
  /** What cannot fit, with the figures. */
  readonly skipped: readonly Skipped[];
}

/** Resident memory of a process that holds the runtime and no model yet. */
export const runtimeMiB = 60;

/**
 * Every recipe of the goal, the source first, under every plan of the device; less what cannot
 * fit.
 */
export function searchSpace(goal: ModelGoal, profile: Profile): Space {
  const plans = plansOf(goal, profile);
  const main = plans[0];
  const recipes: Recipe[] = [];
  const skipped: Skipped[] = [];
  for (const recipe of orderedRecipes(goal, profile)) {
    if (recipe.target !== undefined && recipe.target !== kernelTarget(profile)) continue;
    const short = main && shortage(goal, profile, { recipe, plan: main });
    if (short) skipped.push(short);
    else recipes.push(recipe);
  }
  return { plans, recipes, skipped };
}

/** The one text by which trials of a recipe under a plan are known. */
export function trialKey(trial: { readonly recipe: Recipe; readonly plan: Plan }): string {
  return canonicalJson([trial.recipe, trial.plan]);
}

/** Kernels for float16 are an accelerator's; on a processor it is widened and gains nothing. */
const half: Recipe = { v: 1, bits: 16 };

function orderedRecipes(goal: ModelGoal, { providers }: Profile): Recipe[] {
  const source: Recipe = goal.candidates.find(isSource) ?? { v: 1, source: true, bits: 32 };
  const recipes = [source];
  const accelerated = providers.some((provider) => provider !== 'cpu');
  for (const recipe of [...goal.candidates, ...(accelerated ? [half] : [])]) {
    if (!recipes.some((known) => sameRecipe(known, recipe))) recipes.push(recipe);
  }
  return recipes;
}

function shortage(
  goal: ModelGoal,
  profile: Profile,
  candidate: { recipe: Recipe; plan: Plan },
): Skipped | null {
  const sourceMiB = goal.bytes / 2 ** 20;
  const { bits } = candidate.recipe;
  const weightsMiB = isSource(candidate.recipe) ? sourceMiB : (sourceMiB * Math.min(bits, 32)) / 32;
  // A lower bound: the weights and the empty runtime. What uses more is stopped while it runs.
  const memory = { neededMiB: runtimeMiB + weightsMiB, freeMiB: memoryFor(profile) };
  if (memory.neededMiB > memory.freeMiB) return skip(candidate, 'MEMORY_SHORT', memory);
  const disk = { neededMiB: weightsMiB, freeMiB: profile.disk.freeMiB ?? Infinity };
  return disk.neededMiB > disk.freeMiB ? skip(candidate, 'DISK_FULL', disk) : null;
}

/** What a trial may use at most: the device's limit, else most of what is free. */
export function memoryFor(profile: Profile): number {
  const { totalMiB, availableMiB, limitMiB } = profile.memory;
  // 0 is what a device says that cannot read its memory.
  const free = (availableMiB || totalMiB || Infinity) * 0.9;
  return Math.floor(Math.min(limitMiB ?? Infinity, free));
}

function skip(
  candidate: { recipe: Recipe; plan: Plan },
  code: Skipped['code'],
  room: { neededMiB: number; freeMiB: number },
): Skipped {
  const what = code === 'DISK_FULL' ? 'disk' : 'memory';
  const needed = Math.ceil(room.neededMiB);
  const reason =
    `${recipeName(candidate.recipe)} needs at least ${needed} MiB of ${what}, ` +
    `${Math.floor(room.freeMiB)} MiB are free`;
  return { ...candidate, code, neededMiB: needed, freeMiB: Math.floor(room.freeMiB), reason };
}
