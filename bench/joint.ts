/** What pruning, quantizing and both together reach on real models, at equal quality. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Candidate, figuresOf } from '../shared/compress/joint/choose.ts';
import { solveJoint } from '../shared/compress/joint/solve.ts';
import { recipeName } from '../shared/compress/recipe.ts';
import { loadSource } from '../shared/compress/source.ts';
import { startWork } from '../shared/compress/work.ts';
import type { Outcome } from '../shared/evaluate/outcome.ts';
import type { Package } from '../shared/evaluate/package.ts';
import { measureQuality } from '../shared/evaluate/quality.ts';
import type { Quality } from '../shared/protocol/tuning.ts';
import type { Bench, BenchContext } from './bench.ts';
import { realPackages } from './support/real-packages.ts';

const limits = { threads: 1, secondsMax: 300, timingSeconds: 8 };
/** Equal quality: at most so much of top-1 lost, as it was seen. */
const maxDrop = 0.01;
const kinds = ['prune only', 'quantize only', 'joint'] as const;

export const bench: Bench = {
  what: 'pruning, quantizing and both together on the real models, at equal quality',
  async run(context) {
    const rows: (string | number)[][] = [];
    for await (const found of realPackages(context)) {
      const judged = await judgedOf(found, context);
      for (const kind of kinds) rows.push(rowOf(found.manifest.name, kind, judged));
      for (const row of rows.slice(-kinds.length)) context.note(row.join('  '));
    }
    return { columns, rows, notes };
  },
};

const columns = ['model', 'of', 'fastest within 1 point', 'points lost', 'speed', 'bytes', 'tried'];
const notes = [
  'Each row: of the variants of its kind that lose at most 1 point of top-1 on the whole ' +
    'evaluation set, paired, the fastest; the float model and the source are among those ' +
    'that only prune and those that only quantize, and "joint" may take any.',
  'Variants are proposed and fitted on three quarters of the calibration samples, as the search ' +
    `of --target-speedup does, in about ${limits.secondsMax} s a model.`,
  'Speed: median latency of the source over that of the variant, run in turns in one process, ' +
    'one thread. Bytes: of the variant over those of the float model.',
];

interface Judged extends Candidate {
  readonly quality: Quality;
}

async function judgedOf(found: Package, { signal, note }: BenchContext): Promise<Judged[]> {
  const { modelPath, manifest, calibrationPath, evaluationPath } = found;
  note(`${manifest.name}: searching`);
  const recipe = { v: 1, bits: 8 } as const;
  const request = { modelPath, manifest, calibrationPath, recipe, signal };
  const work = startWork(await loadSource(modelPath), request);
  const candidates = await solveJoint(work, limits);
  const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
  const judged: Judged[] = [];
  let source: Outcome | undefined;
  try {
    for (const candidate of candidates) {
      const path = join(folder, 'variant.onnx');
      await writeFile(path, candidate.file);
      const measured = await measureQuality({
        ...{ modelPath: path, dataPath: evaluationPath ?? '', preparation: manifest.inputs },
        ...{ metric: 'top1', threads: 2, source: { path: modelPath, outcome: source }, signal },
      });
      ({ source } = measured);
      judged.push({ ...candidate, quality: measured.quality });
      const lost = `${(100 * measured.quality.drop).toFixed(2)} points lost`;
      note(`  ${figuresOf(candidate)}: ${lost}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return judged;
}

function rowOf(
  model: string,
  kind: (typeof kinds)[number],
  judged: readonly Judged[],
): (string | number)[] {
  const own = judged.filter((one) => kind === 'joint' || [kind, 'float'].includes(one.kind));
  const [best] = own
    .filter(({ quality }) => quality.drop <= maxDrop)
    .toSorted((a, b) => b.speedup - a.speedup);
  // Who finds nothing faster keeps the source.
  if (!best || best.speedup < 1) return [model, kind, 'the source', 0, 1, 1, own.length];
  const { recipe, quality, speedup, bytes } = best;
  const share = bytes / floatBytes(judged);
  return [model, kind, recipeName(recipe), 100 * quality.drop, speedup, share, own.length];
}

/** Of the model in canonical form, with the source's weights. */
function floatBytes(judged: readonly Judged[]): number {
  return judged.find(({ kind }) => kind === 'float')?.bytes ?? 1;
}
