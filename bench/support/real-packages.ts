/** The classifiers that benches measure, those that are on this machine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadPackage, type Package } from '../../shared/evaluate/package.ts';
import { productRoot } from '../../shared/product.ts';
import type { BenchContext } from '../bench.ts';

const names = [
  ...['resnet20-cifar', 'resnet8-cifar', 'cnn-cifar', 'keywords', 'mnist'],
  ...['squeezenet', 'mobilenet-v1-025'],
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
