/**
 * The digits example's variants on arm64: the same bytes from the same measurements, and outputs
 * alike.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { compressPackage } from '../../shared/compress/package.ts';
import { type Recipe, recipeName } from '../../shared/compress/recipe.ts';
import { loadPackage } from '../../shared/evaluate/package.ts';
import { digits } from '../support/bad-files.ts';
import { temporaryFolder } from '../support/fettle.ts';
import { firstSamples } from '../support/first-samples.ts';
import { type Machine, machineOrSkip } from './machine.ts';
import { kinds } from './recipes.ts';
import { type Job, Rebuilt } from './work.ts';

const minutesMs = 60_000;
const calibrationSamples = 8;
/** Kernels are hundreds of times slower in emulation: a few golden samples of each kind do. */
const goldenSamples = 4;

test('every kind of variant is the same file on arm64, and answers alike', async (t) => {
  t.timeout(20 * minutesMs);
  const machine = await machineOrSkip(t);
  if (!machine) return;
  const folder = temporaryFolder(t);
  const { modelPath, calibrationPath } = await loadPackage(digits);
  const small = join(folder, 'calibration.npz');
  await firstSamples(calibrationPath ?? '', small, calibrationSamples);
  const here: Made[] = [];
  for (const { recipe } of kinds) here.push(await make(recipe, { folder, calibration: small }));
  const there = await rebuilt(machine, folder, { modelPath, variants: here });
  t.is(there.length, kinds.length);
  for (const [at, { recipe, sqnrDbMin }] of kinds.entries()) {
    assertAlike(
      t,
      { name: `${recipeName(recipe)} ${recipe.target ?? ''}`.trim(), sqnrDbMin },
      {
        here: here[at]?.digest,
        there: there[at],
      },
    );
  }
});

type Made = Job['variants'][number] & { readonly digest: string };

async function make(
  recipe: Recipe,
  { folder, calibration }: { folder: string; calibration: string },
): Promise<Made> {
  const { modelPath, manifest } = await loadPackage(digits);
  const made = await compressPackage({
    ...{ modelPath, manifest, calibrationPath: calibration, evaluationPath: null },
    ...{ recipe, folder, signal: AbortSignal.timeout(10 * minutesMs) },
  });
  const { digest, record, goldenPath } = made;
  const few = `${goldenPath}.few.npz`;
  await firstSamples(goldenPath ?? '', few, goldenSamples);
  return { recipe, digest, record, goldenPath: few };
}

async function rebuilt(machine: Machine, folder: string, job: Job): Promise<Rebuilt[]> {
  const path = join(folder, 'job.json');
  writeFileSync(path, JSON.stringify(job));
  const printed = await machine.run([join(import.meta.dirname, 'rebuild.ts'), path]);
  const lines = printed.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => v.parse(Rebuilt, JSON.parse(line)));
}

function assertAlike(
  t: ExecutionContext,
  { name, sqnrDbMin }: { name: string; sqnrDbMin: number },
  { here, there }: { here: string | undefined; there: Rebuilt | undefined },
): void {
  t.is(there?.architecture, 'arm64', name);
  t.is(there?.digest, here, name);
  t.is(there?.agreement, 1, name);
  const sqnrDb = there?.sqnrDb ?? 0;
  t.true(sqnrDb >= sqnrDbMin, `${name}: ${sqnrDb.toFixed(1)} dB, at least ${sqnrDbMin}`);
  t.log(`${name}: same file; outputs within ${sqnrDb.toFixed(0)} dB`);
}
