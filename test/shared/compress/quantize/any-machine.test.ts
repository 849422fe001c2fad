/**
 * A build on an emulated processor without VNNI, whose kernels saturate, against one on this
 * processor: the same figures and the same bytes, and the saturation is said.
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import * as v from 'valibot';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import type { Tensor } from '../../../../shared/onnx/graph.ts';
import { writeModel } from '../../../../shared/onnx/write.ts';
import { productRoot } from '../../../../shared/product.ts';
import { createRandom } from '../../../../shared/random.ts';
import { temporaryFolder } from '../../../support/fettle.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';
import { programOrSkip } from '../../../support/programs.ts';

const run = promisify(execFile);
const cli = join(productRoot(), 'cli.ts');
const random = createRandom(7);
const samples = 32;

/** Few bits each: float sums are the same in any order, so that only integers can differ. */
function steps(count: number, make: () => number): number[] {
  return Array.from({ length: count }, () => Math.round(32 * make()) / 32);
}

/** Rows of like signs, so that neighbouring products add up. */
function rows(outputs: number, inputs: number): Tensor {
  const signs = Array.from({ length: outputs }, (_, row) => (row % 3 === 2 ? -1 : 1));
  const values = signs.flatMap((sign) => steps(inputs, () => sign * (0.6 + 0.4 * random())));
  return floats([outputs, inputs, 1, 1], values);
}

const models = {
  'convolutions and a product': modelOf(
    graphOf({
      inputs: [valueNamed('x', [1, 16, 4, 4])],
      outputs: ['y'],
      initializers: {
        ...{ w1: rows(32, 16), w2: rows(32, 32) },
        w3: floats(
          [32, 16],
          steps(512, () => random()),
        ),
      },
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'w1'], outputs: ['a'] }),
        nodeOf('Relu', { inputs: ['a'], outputs: ['b'] }),
        nodeOf('Conv', { inputs: ['b', 'w2'], outputs: ['c'] }),
        nodeOf('Relu', { inputs: ['c'], outputs: ['d'] }),
        nodeOf('GlobalAveragePool', { inputs: ['d'], outputs: ['e'] }),
        nodeOf('Flatten', { inputs: ['e'], outputs: ['f'] }),
        nodeOf('MatMul', { inputs: ['f', 'w3'], outputs: ['y'] }),
      ],
    }),
  ),
};

const Report = v.object({ digest: v.string(), notes: v.array(v.string()) });

interface Built {
  readonly bytes: Buffer;
  readonly notes: readonly string[];
}

async function built(
  folder: string,
  args: readonly string[],
  by: readonly string[],
): Promise<Built> {
  const out = join(folder, 'variant.onnx');
  const [program = '', ...before] = [...by, process.execPath, cli, 'compress'];
  const all = [...before, join(folder, 'model.onnx'), ...args, '--out', out, '--json'];
  const { stdout } = await run(program, all, { timeout: 280_000, env: { HOME: folder } });
  return { bytes: await readFile(out), notes: v.parse(Report, JSON.parse(stdout)).notes };
}

async function calibration(t: ExecutionContext, model: Uint8Array): Promise<string> {
  const folder = temporaryFolder(t);
  await writeFile(join(folder, 'model.onnx'), model);
  const data = Float32Array.from(steps(samples * 256, () => 0.5 + 0.5 * random()));
  const x = { type: 'float', shape: [samples, 16, 4, 4], data } as const;
  await writeNpz(join(folder, 'calibration.npz'), { x });
  return folder;
}

const recipes = {
  'corrections that are chosen': ['--bits', '8'],
  'bits within a budget': ['--bits', '4', '--activations', '8', '--max-bytes', '5900'],
};

for (const [name, model] of Object.entries(models)) {
  for (const [what, args] of Object.entries(recipes)) {
    test(`the same bytes with and without VNNI: ${name}, ${what}`, async (t) => {
      t.timeout(600_000);
      const emulator = programOrSkip(t, 'qemu-x86_64-static');
      if (emulator === null) return;
      const folder = await calibration(t, writeModel(model));
      const asked = [...args, '--calibration', join(folder, 'calibration.npz')];
      const here = await built(folder, asked, []);
      const saturating = await built(folder, asked, [emulator, '-cpu', 'Haswell']);
      t.deepEqual(saturating.bytes, here.bytes);
      const said = (note: string) => note.startsWith('This processor saturates sums');
      t.is(saturating.notes.filter(said).length, 1, 'what this machine makes of it is said');
      t.deepEqual(
        saturating.notes.filter((note) => !said(note)),
        here.notes.filter((note) => !said(note)),
      );
    });
  }
}
