/** Bytes on the wire, raw and compressed: the source, narrow weights, pruned and sparse ones. */
import { join } from 'node:path';
import { compressFile } from '../shared/compress/file.ts';
import { type Recipe, recipeName, sourceRecipe } from '../shared/compress/recipe.ts';
import type { Outcome } from '../shared/evaluate/outcome.ts';
import { measureQuality } from '../shared/evaluate/quality.ts';
import { sentBytesOf } from '../shared/zstd.ts';
import type { Bench } from './bench.ts';
import { rowsOfEach, type Scene } from './support/real-packages.ts';

const recipes: readonly Recipe[] = [
  sourceRecipe,
  { v: 1, bits: 8 },
  { v: 1, bits: 4 },
  { v: 1, bits: 8, keep: 0.9 },
  { v: 1, bits: 8, sparsity: 0.5 },
  { v: 1, bits: 8, sparsity: '2:4' },
];

export const bench: Bench = {
  what: 'bytes sent of each real model: source, 8-bit, 4-bit, pruned and sparse',
  run: async (context) => ({ columns, rows: await rowsOfEach(context, rowsOf), notes }),
};

const columns = ['model', 'variant', 'bytes', 'sent', 'source / sent', 'points lost'];
const notes = [
  'Sent: what a device fetches, compressed with Zstandard where that is smaller. Ratio: the ' +
    "source's bytes, as they are, over those sent.",
  'Points of top-1 lost against the source on the whole evaluation set, paired.',
];

async function rowsOf({ found, folder, context }: Scene): Promise<(string | number)[][]> {
  const { signal, note } = context;
  const { modelPath, manifest, calibrationPath, evaluationPath } = found;
  const rows: (string | number)[][] = [];
  let source: Outcome | undefined;
  for (const recipe of recipes) {
    const made = await compressFile(
      { modelPath, manifest, calibrationPath, recipe, signal },
      (digest) => join(folder, `${digest.slice(7)}.onnx`),
    );
    const measured = await measureQuality({
      ...{ modelPath: made.path, dataPath: evaluationPath ?? '', preparation: manifest.inputs },
      ...{ metric: 'top1', threads: 2, source: { path: modelPath, outcome: source }, signal },
    });
    ({ source } = measured);
    const sent = await sentBytesOf(made.path);
    const ratio = made.sourceBytes / sent;
    const lost = 100 * measured.quality.drop;
    rows.push([manifest.name, recipeName(recipe), made.bytes, sent, ratio, lost]);
    note(rows.at(-1)?.join('  ') ?? '');
  }
  return rows;
}
