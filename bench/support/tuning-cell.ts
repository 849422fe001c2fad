/**
 * One model on one device shape, in a process of that shape: tunes, then measures the whole space,
 * then lets the chosen meet the best. `tuning-cell.ts FOLDER MEMORY_MIB`; prints JSON.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { profileDevice } from '../../agent/profile/profile.ts';
import { searchSpace } from '../../agent/tune/candidates.ts';
import { planName } from '../../agent/tune/explain.ts';
import { runFinal, runTrial, type TrialOptions } from '../../agent/tune/trial.ts';
import { tune } from '../../agent/tune/tune.ts';
import type { TuneRequest } from '../../agent/tune/tuner.ts';
import { isSource, sameRecipe } from '../../shared/compress/recipe.ts';
import { chooseMetric } from '../../shared/evaluate/outcome.ts';
import { loadPackage } from '../../shared/evaluate/package.ts';
import { measureQuality } from '../../shared/evaluate/quality.ts';
import { judgeQuality } from '../../shared/evaluate/quality-budget.ts';
import type { Trial } from '../../shared/protocol/tuning.ts';
import type { VariantFile } from '../../shared/variants.ts';
import { sentBytesOf } from '../../shared/zstd.ts';
import { type Built, builtSource } from './tuning-variants.ts';

/** Of one point of the space, when everything is measured. */
const pointSeconds = 5;
/** Loading, checking and starting of one point. */
const startSeconds = 0.35;
const budgetShare = 0.2;
const duelSeconds = 6;
/** Compiled, as devices run it. */
const trialModule = new URL('../../dist/agent/tune/trial-child.js', import.meta.url);

const [folder = '', memory = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const built: Built = JSON.parse(readFileSync(join(folder, 'built.json'), 'utf8'));
const limits = memory === '' ? {} : { memoryMiB: Number(memory) };
const profile = await profileDevice({ device: 'bench', limits, probes: false, signal });
const source = await builtSource(built, folder);
const fetched = new Map<string, VariantFile>();
const space = searchSpace(built.goal, profile);
const points = space.recipes.length * space.plans.length;
const request: TuneRequest = {
  ...{ device: 'bench', revision: 1, goal: built.goal, profile, countWaiting: false, finished: [] },
  budgetSeconds: budgetShare * points * (pointSeconds + startSeconds),
  source: { get: async (recipe, options) => count(await source.get(recipe, options)) },
  ...{ onTrial: (trial) => console.error(`    ${said(trial)}`), signal, trialModule },
};
const first = await tune(request);
const firstFiles = takeFiles();
const { chosen } = first;
const second = chosen
  ? await tune({ ...request, hint: { hardwareClass: profile.hardwareClass, ...chosen } })
  : null;
const secondFiles = takeFiles();
const start = performance.now();
const all = await measureAll();
const exhaustiveSeconds = (performance.now() - start) / 1000;
const told = chosen === null ? { reason: first.reason ?? '' } : await judge(all);
process.stdout.write(
  JSON.stringify({
    ...{ points: all.length, tuningSeconds: first.seconds, exhaustiveSeconds },
    ...{ secondSeconds: second?.seconds ?? 0, secondTrials: second?.trials.length ?? 0 },
    ...{ firstBytes: await bytesOf(firstFiles), secondBytes: await bytesOf(secondFiles) },
    ...{ chosenBytes: await bytesOf(secondFiles.map((file) => ({ ...file, goldenPath: null }))) },
    budgetSeconds: request.budgetSeconds,
    chosen: chosen ? nameOf(chosen) : 'nothing',
    ...told,
  }),
  () => process.exit(),
);

function count(file: VariantFile): VariantFile {
  fetched.set(file.digest, file);
  return file;
}

function takeFiles(): VariantFile[] {
  const files = [...fetched.values()];
  fetched.clear();
  return files;
}

/** As they are sent: compressed, where that is smaller. */
async function bytesOf(files: readonly VariantFile[]): Promise<number> {
  let sum = 0;
  for (const { path, goldenPath } of files) {
    sum += await sentBytesOf(path);
    if (goldenPath !== null) sum += await sentBytesOf(goldenPath);
  }
  return sum;
}

function options(seconds: number): TrialOptions {
  return {
    effort: { warmUpMs: 200, runsMin: 50, secondsMin: seconds, spread: 0, secondsMax: seconds },
    ...{ compare: 'latency', memoryLimitMiB: limits.memoryMiB ?? null, timeoutMs: 300_000 },
    ...{ niceness: 0, signal, module: trialModule },
  };
}

/** Every recipe, those that the tuning proposed too, under every plan. */
async function measureAll(): Promise<Trial[]> {
  const recipes = [...space.recipes];
  for (const { recipe } of first.trials) {
    if (!recipes.some((known) => sameRecipe(known, recipe))) recipes.push(recipe);
  }
  const trials: Trial[] = [];
  for (const recipe of recipes) {
    for (const plan of space.plans) {
      const variant = await source.get(recipe, { signal });
      trials.push(await runTrial({ variant, plan }, options(pointSeconds)));
    }
  }
  return trials;
}

/** The chosen against the three best that were allowed and the source's best, alternating. */
async function judge(trials: readonly Trial[]) {
  const done = trials.filter((trial) => trial.state === 'done');
  const byTime = done.toSorted((a, b) => a.latencyMsP50 - b.latencyMsP50);
  const floor = byTime.find((trial) => isSource(trial.recipe));
  const may = (trial: Trial) =>
    trial.quality === null || judgeQuality(trial.quality, built.goal.maxDrop).within;
  const same = (one: Trial) => chosen !== null && nameOf(one) === nameOf(chosen);
  const rivals = byTime.filter((one) => may(one) && !same(one)).slice(0, 3);
  const list = [floor, chosen, ...rivals].filter((one) => one !== undefined && one !== null);
  const entries = [];
  for (const { recipe, plan } of list) {
    entries.push({ variant: await source.get(recipe, { signal }), plan });
  }
  const unlimited = { ...options(duelSeconds), memoryLimitMiB: null };
  const figures = await runFinal(entries, unlimited);
  const [own = 1, ...others] = figures.slice(1).map((figure) => figure.versus?.ratio ?? 1);
  const best = Math.max(own, 1, ...others);
  return {
    regret: best / own - 1,
    versusSource: floor ? own : null,
    dropUnseen: await dropUnseen(),
    maxDrop: built.goal.maxDrop,
    spaceP50: done.map((trial) => [nameOf(trial), trial.latencyMsP50]),
  };
}

function nameOf({ recipeName, plan }: Pick<Trial, 'recipeName' | 'plan'>): string {
  return `${recipeName}, ${planName(plan)}`;
}

function said(trial: Trial): string {
  const { state, latencyMsP50, runs, versus } = trial;
  const against = versus ? `, ${versus.ratio.toFixed(2)} times the source` : '';
  return `${nameOf(trial)}: ${state}, ${latencyMsP50.toFixed(3)} ms in ${runs} runs${against}`;
}

/** Of the chosen variant, on the half of the evaluation data that the tuning did not see. */
async function dropUnseen(): Promise<number> {
  if (chosen === null || isSource(chosen.recipe)) return 0;
  const found = await loadPackage(built.packagePath);
  const { path } = await source.get(chosen.recipe, { signal });
  const { quality } = await measureQuality({
    ...{ modelPath: path, dataPath: built.unseenPath, preparation: found.manifest.inputs },
    metric: chooseMetric(found.manifest, true).metric,
    ...{ threads: 1, source: { path: found.modelPath }, signal },
  });
  return quality.drop;
}
