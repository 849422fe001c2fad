/** The 8-bit variant of the example against its source: bytes, quality, speed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productRoot } from '../shared/product.ts';
import type { Bench } from './bench.ts';
import { fettleJson } from './support/fettle.ts';

export const bench: Bench = {
  what: 'The digits example in 8 bits against its source',
  async run({ note, signal }) {
    const digits = join(productRoot(), 'examples', 'digits');
    const source = join(digits, 'model.onnx');
    const folder = await mkdtemp(join(tmpdir(), 'fettle-bench-'));
    const variant = join(folder, 'int8.onnx');
    const data = (name: string) => join(digits, `${name}.npz`);
    try {
      note('compressing');
      const compressed = await fettleJson(
        [
          ...['compress', source, '--bits', '8', '--calibration', data('calibration')],
          ...['--out', variant],
        ],
        signal,
      );
      const own = ['--package', join(digits, 'fettle.json'), '--data', data('evaluation')];
      note('evaluating');
      const before = await fettleJson(['evaluate', source, ...own], signal);
      const after = await fettleJson(['evaluate', variant, ...own], signal);
      const rows = [];
      for (const threads of ['1', '2']) {
        note(`timing in turns, ${threads} threads`);
        const timing = ['--versus', source, '--threads', threads, '--seconds', '10'];
        const timed = await fettleJson(['bench', variant, ...timing], signal);
        rows.push([
          `${threads} threads`,
          number(compressed, 'bytes') / number(compressed, 'sourceBytes'),
          number(before, 'value'),
          number(after, 'value'),
          number(timed, 'versus', 'latencyMsP50'),
          number(timed, 'latencyMsP50'),
          number(timed, 'versus', 'ratio'),
        ]);
      }
      return {
        columns: [
          ...['', 'bytes / source', 'top1 source', 'top1 int8', 'p50 ms source', 'p50 ms int8'],
          'speed-up',
        ],
        rows,
        notes: [
          `Compressed in ${number(compressed, 'seconds').toFixed(1)} s; 128 calibration images.`,
          'Quality on 450 images with labels, held out of training and calibration.',
          'Source and variant are timed in turns in one process each run.',
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** The number at the end of the path of members. */
function number(document: unknown, ...path: readonly string[]): number {
  const value = path.reduce<unknown>(
    (inside, name) =>
      typeof inside === 'object' && inside !== null ? Reflect.get(inside, name) : undefined,
    document,
  );
  if (typeof value === 'number') return value;
  throw new Error(`${path.join('.')}: expected a number in ${JSON.stringify(document)}`);
}
