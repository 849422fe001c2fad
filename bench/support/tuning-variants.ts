/** The variants of a model that a tuning chooses from, built once and kept for every shape. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localVariantSource } from '../../shared/compress/local-source.ts';
import { type Recipe, sameRecipe } from '../../shared/compress/recipe.ts';
import { digestOfFile } from '../../shared/digest.ts';
import { reasonOf } from '../../shared/errors.ts';
import { type NpyArray, openNpz, readArray, writeNpz } from '../../shared/evaluate/npz.ts';
import { loadPackage, type Package } from '../../shared/evaluate/package.ts';
import type { ModelGoal } from '../../shared/protocol/messages.ts';
import type { VariantFile, VariantSource } from '../../shared/variants.ts';

export const recipes: readonly Recipe[] = [
  { v: 1, source: true, bits: 32 },
  { v: 1, bits: 8 },
  { v: 1, bits: 32 },
  { v: 1, bits: 8, activations: 32 },
  { v: 1, bits: 4 },
  { v: 1, bits: 8, scheme: 'pow2' },
];

export interface Built {
  readonly goal: ModelGoal;
  readonly files: readonly VariantFile[];
  /** The half of the evaluation data that no tuning has seen. */
  readonly unseenPath: string;
  readonly packagePath: string;
}

/** Kept in the folder; what is there is taken. */
export async function buildVariants(packagePath: string, folder: string): Promise<Built> {
  const path = join(folder, 'built.json');
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  mkdirSync(folder, { recursive: true });
  const found = await loadPackage(packagePath);
  const [seenPath, unseenPath] = await halves(found, folder);
  const source = localVariantSource({ package: { ...found, evaluationPath: seenPath }, folder });
  const files: VariantFile[] = [];
  for (const recipe of recipes) {
    try {
      files.push(await source.get(recipe, { signal: new AbortController().signal }));
    } catch (thrown) {
      console.error(`  ${found.manifest.name}: ${reasonOf(thrown)}`);
    }
  }
  const goal = await goalOf(
    found,
    files.map(({ recipe }) => recipe),
  );
  const built: Built = { goal, files, unseenPath, packagePath };
  writeFileSync(path, JSON.stringify(built));
  return built;
}

/** Built ones at once; one that a tuning proposes is built then, and its time is not counted. */
export async function builtSource(built: Built, folder: string): Promise<VariantSource> {
  const found = await loadPackage(built.packagePath);
  const seen = { ...found, evaluationPath: join(folder, 'seen.npz') };
  const local = localVariantSource({ package: seen, folder });
  return {
    async get(recipe, options) {
      const known = built.files.find((file) => sameRecipe(file.recipe, recipe));
      return known ?? (await local.get(recipe, options));
    },
  };
}

/** Every second sample is what tuning may judge quality by; the others stay unseen. */
async function halves({ evaluationPath }: Package, folder: string): Promise<[string, string]> {
  const paths: [string, string] = [join(folder, 'seen.npz'), join(folder, 'unseen.npz')];
  const npz = await openNpz(evaluationPath ?? '');
  const parts: Record<string, NpyArray>[] = [{}, {}];
  for (const name of npz.arrays.keys()) {
    const array = await readArray(npz, name);
    const [count = 0, ...rest] = array.shape;
    const size = rest.reduce((product, dim) => product * dim, 1);
    for (const [half, part] of parts.entries()) {
      const rows = Math.floor(count / 2);
      const data = array.data.slice(0, rows * size);
      for (let row = 0; row < rows; row++) {
        const from = (2 * row + half) * size;
        for (let at = 0; at < size; at++) data[row * size + at] = array.data[from + at] ?? 0;
      }
      part[name] = { ...array, shape: [rows, ...rest], data };
    }
  }
  for (const [half, path] of paths.entries()) await writeNpz(path, parts[half] ?? {});
  return paths;
}

async function goalOf(found: Package, candidates: Recipe[]): Promise<ModelGoal> {
  const { manifest, modelPath } = found;
  return {
    ...{ name: manifest.name, version: 0, inputs: [], outputs: [], sourceQuality: null },
    digest: await digestOfFile(modelPath),
    bytes: statSync(modelPath).size,
    maxDrop: manifest.quality?.maxDrop ?? 0.01,
    ...{ objective: 'latency', limits: {}, candidates },
  };
}
