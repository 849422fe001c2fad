/**
 * Damaged models and data sets through `inspect` and `compress`: each must end in a typed error or
 * a valid result.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPackage } from '../../shared/evaluate/package.ts';
import { createRandom } from '../../shared/random.ts';
import { firstSamples } from '../support/first-samples.ts';
import { mutate } from './mutate.ts';
import { mutateGraph } from './mutate-graph.ts';
import { mutateSet } from './mutate-set.ts';
import { supervise, type Verdict } from './supervise.ts';

export interface FuzzRequest {
  readonly seed: number;
  /** Damaged ONNX files. */
  readonly models: number;
  /** Damaged data sets. */
  readonly sets: number;
  /** Package folders whose files are damaged, in turn. */
  readonly packages: readonly string[];
  /** The runs from this one up to but not including that one: a part of them; all unless said. */
  readonly from?: number;
  readonly to?: number;
  /** Where inputs that found something are kept; null keeps none. */
  readonly keep: string | null;
  onProgress?(done: number, total: number): void;
}

export interface FuzzReport {
  readonly runs: number;
  /** How often each end was seen, by `inspect` and by `compress`. */
  readonly ends: Readonly<Record<string, number>>;
  readonly findings: readonly { readonly run: number; readonly what: string }[];
  readonly slowest: { readonly run: number; readonly seconds: number };
  readonly peakMiB: number;
}

const limits = { seconds: 10, memoryMiB: 1024 };

export async function fuzz(request: FuzzRequest): Promise<FuzzReport> {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-fuzz-'));
  const supervisor = supervise(limits);
  const ends: Record<string, number> = {};
  const findings: { run: number; what: string }[] = [];
  const { from = 0, to = request.models + request.sets } = request;
  let slowest = { run: from, seconds: 0 };
  try {
    const bases = await Promise.all(request.packages.map((dir, i) => baseOf(dir, folder, i)));
    for (let run = from; run < to; run += 1) {
      const input = await damagedInput(request, { run, folder, bases });
      const verdict = await supervisor.run(input.job);
      for (const end of endsOf(verdict)) ends[end] = (ends[end] ?? 0) + 1;
      if (verdict.ended === 'outcome' && verdict.seconds > slowest.seconds) {
        slowest = { run, seconds: verdict.seconds };
      }
      const what = findingOf(verdict);
      if (what !== null) {
        findings.push({ run, what });
        await keepInput(request.keep, run, input.damagedPath);
      }
      await rm(join(folder, 'variants'), { recursive: true, force: true });
      request.onProgress?.(run + 1, to);
    }
    return { runs: to - from, ends, findings, slowest, peakMiB: supervisor.peakMiB() };
  } finally {
    supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Run `n` damages the same bytes whatever ran before it, so that a finding can be seen again alone.
 */
async function damagedInput(
  { seed, models }: FuzzRequest,
  { run, folder, bases }: { run: number; folder: string; bases: readonly Base[] },
) {
  const random = createRandom(seed * 1_000_003 + run);
  const base = bases[run % bases.length];
  if (!base) throw new Error('no packages to damage');
  const isModel = run < models;
  const damagedPath = join(folder, isModel ? 'damaged.onnx' : 'damaged.npz');
  if (isModel) await damageModel(base.modelPath, damagedPath, random);
  else await damageSet(base.calibrationPath, damagedPath, random);
  const job = isModel
    ? { ...base, modelPath: damagedPath, folder }
    : { ...base, calibrationPath: damagedPath, folder };
  return { job, damagedPath };
}

interface Base {
  readonly packageDir: string;
  readonly modelPath: string;
  readonly calibrationPath: string;
}

const calibrationSamples = 4;

/** A package with a few calibration samples: damage does not need many, and runs stay short. */
async function baseOf(packageDir: string, folder: string, index: number): Promise<Base> {
  const { modelPath, calibrationPath } = await loadPackage(packageDir);
  const small = join(folder, `calibration-${index}.npz`);
  await firstSamples(calibrationPath ?? '', small, calibrationSamples);
  return { packageDir, modelPath, calibrationPath: small };
}

/** Half of the models are damaged as bytes, half edited as graphs. */
async function damageModel(path: string, out: string, random: () => number): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(out, random() < 0.5 ? mutate(bytes, random) : mutateGraph(bytes, random));
}

async function damageSet(path: string, out: string, random: () => number): Promise<void> {
  if (random() < 0.5) await writeFile(out, mutate(await readFile(path), random));
  else await mutateSet(path, out, random);
}

function endsOf(verdict: Verdict): string[] {
  if (verdict.ended !== 'outcome') return [verdict.ended];
  const { inspect, compress } = verdict.outcome;
  return [`inspect ${short(inspect)}`, `compress ${short(compress)}`];
}

function short(end: string): string {
  return end.startsWith('untyped') ? 'untyped' : end;
}

function findingOf(verdict: Verdict): string | null {
  if (verdict.ended !== 'outcome') return `${verdict.ended}: ${verdict.detail}`;
  const untyped = Object.entries(verdict.outcome).find(([, end]) => end.startsWith('untyped'));
  return untyped ? `${untyped[0]} ${untyped[1]}` : null;
}

async function keepInput(keep: string | null, run: number, path: string): Promise<void> {
  if (keep === null) return;
  await mkdir(keep, { recursive: true });
  await copyFile(path, join(keep, `${run}-${path.endsWith('.npz') ? 'set.npz' : 'model.onnx'}`));
}
