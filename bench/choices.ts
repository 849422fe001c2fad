/** What one model chooses on each device shape, and how the others’ choices do there. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { planName } from '../agent/tune/explain.ts';
import { recipeName } from '../shared/compress/recipe.ts';
import { productRoot } from '../shared/product.ts';
import type { Bench } from './bench.ts';
import { buildDist } from './support/build-dist.ts';
import { Chosen, Met } from './support/choices-protocol.ts';
import { runInShape, type Shape, shapes } from './support/tuning-shapes.ts';
import { buildVariants } from './support/tuning-variants.ts';

const models = ['squeezenet', 'resnet20-cifar', 'mobilenet-v1-025', 'resnet8-cifar'];
const cellModule = join(import.meta.dirname, 'support/choices-cell.ts');

export const bench: Bench = {
  what: 'What one model chooses on different devices, and how it does on the others',
  async run({ asked, note }) {
    buildDist({ dashboard: false });
    const rows = [];
    for (const model of models.filter(asked)) {
      const path = join(productRoot(), '..', 'shared', 'models', model);
      if (!existsSync(path)) {
        note(`${model} is not on this machine`);
        continue;
      }
      const folder = join(tmpdir(), `fettle-bench-tuning-${model}`);
      await buildVariants(path, folder);
      rows.push(...(await rowsOf(model, folder, note)));
    }
    return { columns, rows, notes };
  },
};

const columns = ['model@shape', 'chosen', 'p50 ms', 'p95 ms', 'times it, by what others chose'];
const notes = [
  'Each shape tunes for itself, for least latency, with twenty seconds.',
  'Then, in each shape, its own choice and the others alternate in one process: above 1 another ' +
    'shape’s choice is faster there than its own. In brackets the 95 % interval.',
  'half-core is a quota of a control group; 256-mib is the limit that stops a trial.',
];

async function rowsOf(model: string, folder: string, note: (text: string) => void) {
  const choices = new Map<string, Chosen>();
  for (const shape of shapes) {
    note(`${model}: tunes as ${shape.name}`);
    const chosen = v.parse(Chosen, await runInShape(shape, cell(folder, shape, [])));
    choices.set(shape.name, chosen);
  }
  const rows: (string | number)[][] = [];
  for (const shape of shapes) {
    const own = choices.get(shape.name);
    if (own === undefined) continue;
    const distinct = new Map([own, ...choices.values()].map((one) => [nameOf(one), one]));
    note(`${model}: ${[...distinct.keys()].join('; ')} meet in ${shape.name}`);
    const args = cell(folder, shape, [...distinct.values()]);
    const met = v.parse(Met, await runInShape(shape, args));
    const others = [...distinct.keys()].slice(1).map((name, at) => {
      const { ratio = 0, low = 0, high = 0 } = met[at + 1]?.versus ?? {};
      return `${name}: ${ratio.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
    });
    const { latencyMsP50 = 0, latencyMsP95 = 0 } = met[0] ?? {};
    const said = others.length === 0 ? 'all chose the same' : others.join('; ');
    rows.push([`${model}@${shape.name}`, nameOf(own), latencyMsP50, latencyMsP95, said]);
  }
  return rows;
}

function cell(folder: string, { memoryMiB }: Shape, choices: readonly Chosen[]): string[] {
  return [cellModule, folder, `${memoryMiB ?? ''}`, JSON.stringify(choices)];
}

function nameOf({ recipe, plan }: Chosen): string {
  return `${recipeName(recipe)}, ${planName(plan)}`;
}
