/**
 * Tuning against measuring everything: real models on device shapes of this machine. `--only
 * resnet20-cifar@one-core` measures one cell; the others' rows stay.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { productRoot } from '../shared/product.ts';
import type { Bench } from './bench.ts';
import { buildDist } from './support/build-dist.ts';
import { runInShape, shapes } from './support/tuning-shapes.ts';
import { buildVariants } from './support/tuning-variants.ts';

const models = ['keywords', 'resnet8-cifar', 'resnet20-cifar', 'squeezenet', 'mobilenet-v1-025'];
const cellModule = join(import.meta.dirname, 'support/tuning-cell.ts');

const Cell = v.object({
  points: v.number(),
  tuningSeconds: v.number(),
  exhaustiveSeconds: v.number(),
  budgetSeconds: v.number(),
  secondSeconds: v.number(),
  secondTrials: v.number(),
  firstBytes: v.number(),
  secondBytes: v.number(),
  /** Of these, the variant itself. */
  chosenBytes: v.number(),
  chosen: v.string(),
  regret: v.optional(v.number()),
  versusSource: v.optional(v.nullable(v.number())),
  dropUnseen: v.optional(v.number()),
  maxDrop: v.optional(v.number()),
  spaceP50: v.optional(v.array(v.tuple([v.string(), v.number()]))),
});
type Cell = v.InferOutput<typeof Cell>;

export const bench: Bench = {
  what: 'Tuning on emulated devices, against measuring the whole space',
  async run({ asked, note }) {
    buildDist({ dashboard: false });
    const rows = [];
    for (const model of models) {
      const path = join(productRoot(), '..', 'shared', 'models', model);
      const folder = join(tmpdir(), `fettle-bench-tuning-${model}`);
      for (const shape of shapes.filter(({ name }) => asked(`${model}@${name}`))) {
        if (!existsSync(path)) {
          note(`${model} is not on this machine`);
          continue;
        }
        await buildVariants(path, folder);
        note(`${model} on ${shape.name}`);
        const memory = shape.memoryMiB === null ? [] : [`${shape.memoryMiB}`];
        const cell = v.parse(Cell, await runInShape(shape, [cellModule, folder, ...memory]));
        note(JSON.stringify(cell));
        rows.push(rowOf(`${model}@${shape.name}`, cell));
      }
    }
    return { columns, rows, notes };
  },
};

const columns = [
  ...['model@shape', 'points', 'chosen', 'regret %', 'times the source', 'lost unseen', 'allowed'],
  ...[
    'tuning s',
    'budget s',
    'all s',
    'share %',
    '2nd s',
    '2nd time %',
    '2nd bytes %',
    'its model %',
  ],
  'its p50 ms elsewhere in the space',
];

function rowOf(name: string, cell: Cell): (string | number)[] {
  const percent = (part: number, whole: number) => (100 * part) / Math.max(whole, 1e-9);
  const space = (cell.spaceP50 ?? []).toSorted((a, b) => a[1] - b[1]);
  return [
    ...[name, cell.points, cell.chosen],
    cell.regret === undefined ? 'nothing chosen' : 100 * cell.regret,
    cell.versusSource ?? 'the source does not fit',
    cell.dropUnseen ?? 0,
    cell.maxDrop ?? 0,
    ...[cell.tuningSeconds, cell.budgetSeconds, cell.exhaustiveSeconds],
    percent(cell.tuningSeconds, cell.exhaustiveSeconds),
    cell.secondSeconds,
    percent(cell.secondSeconds, cell.tuningSeconds),
    percent(cell.secondBytes, cell.firstBytes),
    percent(cell.chosenBytes, cell.firstBytes),
    space.map(([point, p50]) => `${point} ${Number(p50.toPrecision(3))}`).join('; '),
  ];
}

const notes = [
  'The space is every recipe under every plan of the shape, and what the tuning proposed itself.',
  'Each point of the space is measured alone for five seconds; the tuning gets a fifth of that.',
  'Regret: the chosen against the three best others of the space, alternating in one process.',
  'Times the source: against the source under its best plan, in the same round; above 1 is faster.',
  'Lost unseen: top-1 lost on the half of the evaluation data that the tuning did not judge by.',
  '2nd: a second device of the class, which verifies what the first one chose. Bytes as they are ' +
    'sent, with golden sets; its model: without.',
  'half-core is a quota of a control group; 256-mib is the limit that stops a trial.',
];
