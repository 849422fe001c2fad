/** The classifiers that benches measure, those that are on this machine. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPackage, type Package } from '../../shared/evaluate/package.ts';
import { productRoot } from '../../shared/product.ts';
import type { BenchContext } from '../bench.ts';

const names = [
  ...['resnet20-cifar', 'resnet8-cifar', 'resnet8-cifar-keras', 'cnn-cifar'],
  ...['keywords', 'mnist', 'squeezenet', 'mobilenet-v1-025'],
];

/** Those that are asked for, one after the other. */
export async function* realPackages(context: BenchContext): AsyncGenerator<Package> {
  const models = join(productRoot(), '..', 'shared', 'models');
  const folders = names.map((name) => join(models, name));
  for (const path of [join(productRoot(), 'examples', 'digits'), ...folders]) {
    if (!existsSync(path)) {
      context.note(`${path} is not on this machine`);
      continue;
    }
    const found = await loadPackage(path);
    if (context.asked(found.manifest.name)) yield found;
  }
}

export interface Scene {
  readonly found: Package;
  /** For what is made on the way; it is gone afterwards. */
  readonly folder: string;
  readonly context: BenchContext;
}

export type Row = readonly (string | number)[];

/** The rows of each of them, one after the other. */
export async function rowsOfEach(
  context: BenchContext,
  rowsOf: (scene: Scene) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const found of realPackages(context)) {
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
    try {
      rows.push(...(await rowsOf({ found, folder, context })));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return rows;
}
