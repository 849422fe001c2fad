import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { buildVariant } from '../../../shared/compress/build.ts';
import { compressPackage } from '../../../shared/compress/package.ts';
import type { Recipe } from '../../../shared/compress/recipe.ts';
import { MeasureRecord } from '../../../shared/compress/record.ts';
import { digestOf, digestOfFile } from '../../../shared/digest.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import type { Tensor } from '../../../shared/onnx/graph.ts';
import { writeModel } from '../../../shared/onnx/write.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../support/graphs.ts';

const int8: Recipe = { v: 1, bits: 8 };
const digits = join(import.meta.dirname, '../../../examples/digits');

/** Exact in any arithmetic: no machine computes these numbers otherwise. */
function ramp(dims: readonly number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: count }, (_, i) => (((i * 37) % 101) - 50) / 64),
  );
}

const small = writeModel(
  modelOf(
    graphOf({
      inputs: [valueNamed('x', [1, 8, 6, 6])],
      outputs: ['y'],
      initializers: {
        w1: ramp([16, 8, 3, 3]),
        g: ramp([16]),
        b: ramp([16]),
        m: ramp([16]),
        s: floats([16], Array(16).fill(0.7)),
        w2: ramp([16, 16, 1, 1]),
      },
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'w1'], outputs: ['c'] }, ['pads', ints(1, 1, 1, 1)]),
        nodeOf('BatchNormalization', { inputs: ['c', 'g', 'b', 'm', 's'], outputs: ['n'] }),
        nodeOf('Relu', { inputs: ['n'], outputs: ['r'] }),
        nodeOf('Conv', { inputs: ['r', 'w2'], outputs: ['d'] }),
        nodeOf('Add', { inputs: ['d', 'r'], outputs: ['a'] }),
        nodeOf('GlobalAveragePool', { inputs: ['a'], outputs: ['y'] }),
      ],
    }),
  ),
);

const record: MeasureRecord = {
  v: 1,
  model: digestOf(small),
  recipe: int8,
  samples: 1,
  ranges: {
    x: { min: -1, max: 1 },
    r: { min: 0, max: 9.5 },
    d: { min: -3.25, max: 4 },
    a: { min: -2, max: 12 },
    y: { min: -1, max: 7 },
  },
  biases: { d: Array.from({ length: 16 }, (_, i) => (i - 8) / 256) },
  float: {},
  notes: [],
};

test('the same model, recipe and record give these bytes on every machine', (t) => {
  const once = buildVariant(small, int8, record);
  const again = buildVariant(Uint8Array.from(small), { ...int8 }, structuredClone(record));
  t.is(once.digest, again.digest);
  t.is(once.digest, 'sha256:23cf61e02343d0626dcba33171841f19d919e0bf4414092eaf45ada7cb15df43');
});

test('a layer with fewer bits in the recipe stays float with that reason', (t) => {
  const { layers } = buildVariant(small, { v: 1, bits: 8, layers: { d: 32 } }, record);
  t.deepEqual(
    layers.map(({ name, bits, compute }) => ({ name, bits, compute })),
    [
      { name: 'c', bits: 8, compute: 'integer' },
      { name: 'd', bits: 32, compute: 'float' },
    ],
  );
});

test('the source recipe gives the source itself', (t) => {
  const { bytes, digest } = buildVariant(small, { v: 1, source: true, bits: 32 }, null);
  t.is(digest, digestOf(small));
  t.is(bytes, small);
});

test('integers without measurements are refused', (t) => {
  t.throws(() => buildVariant(small, int8, null), { code: 'VARIANT_FAILED' });
});

test('an unknown target is refused', (t) => {
  const reason = t.throws(() => buildVariant(small, { ...int8, target: 'z80' }, record));
  t.regex(reason?.message ?? '', /z80 is not one of x64-vnni/);
});

test('the example in 8 bits computes in integers and is as good as the source', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-compress-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { manifest, modelPath, calibrationPath, evaluationPath } = await loadPackage(digits);
  const request = { manifest, modelPath, calibrationPath, evaluationPath, recipe: int8, folder };
  const signal = new AbortController().signal;
  const first = await compressPackage({ ...request, signal });
  t.true(first.layers.length > 10);
  t.true(first.layers.every(({ compute }) => compute === 'integer'));
  t.true((first.quality?.drop ?? 1) <= 0.005);
  t.is(await digestOfFile(first.path), first.digest);
  // From the record alone, after it travelled as JSON, the same bytes come again.
  const stored = v.parse(MeasureRecord, JSON.parse(JSON.stringify(first.record)));
  const second = await compressPackage({ ...request, record: stored, signal });
  t.is(second.digest, first.digest);
  t.true(first.goldenPath !== null);
});
