import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import test from 'ava';
import * as v from 'valibot';
import { buildVariant, checkRecipe } from '../../../../shared/compress/build.ts';
import { compressPackage } from '../../../../shared/compress/package.ts';
import { MeasureRecord } from '../../../../shared/compress/record.ts';
import { loadSource } from '../../../../shared/compress/source.ts';
import { loadPackage } from '../../../../shared/evaluate/package.ts';
import { readModel } from '../../../../shared/onnx/read.ts';

const digits = join(import.meta.dirname, '../../../../examples/digits');

test('half of the weights of the example are zero, with 8 bits, and it is good', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'fettle-sparse-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const { manifest, modelPath, calibrationPath, evaluationPath } = await loadPackage(digits);
  const recipe = { v: 1, bits: 8, sparsity: 0.5 } as const;
  const sparse = await compressPackage({
    ...{ modelPath, manifest, calibrationPath, evaluationPath, recipe, folder },
    signal: AbortSignal.timeout(300_000),
  });
  const shares = sparse.layers.flatMap(({ zeros }) => zeros ?? []);
  t.true(shares.length > 0 && shares.every((share) => Math.abs(share - 0.5) < 0.01));
  t.true((sparse.quality?.drop ?? 1) < 0.01, `${sparse.quality?.drop} lost`);
  t.true(sparse.notes.some((note) => note.includes('saves transfer, not time')));
  // As it is stored and sent.
  const record = v.parse(MeasureRecord, JSON.parse(JSON.stringify(sparse.record)));
  const { bytes } = await loadSource(modelPath);
  const built = buildVariant(bytes, recipe, record);
  t.is(built.digest, sparse.digest);
  const zeros = [...readModel(built.bytes).graph.initializers.values()]
    .filter(({ type, dims }) => type === 'int8' && dims.length > 1)
    .flatMap(({ bytes: integers }) => [...integers]);
  const share = zeros.filter((value) => value === 0).length / zeros.length;
  t.true(share > 0.4, `${share} of the integers are zero`);
  const sent = zstdCompressSync(built.bytes).length;
  t.true(sent < 0.75 * built.bytes.length, `${sent} of ${built.bytes.length} bytes are sent`);
});

test('zeros that rounding would undo are refused', (t) => {
  const error = t.throws(() => checkRecipe({ v: 1, bits: 4, sparsity: 0.5 }));
  t.regex(error?.message ?? '', /sparsity with blocks of narrow weights/);
  t.notThrows(() => checkRecipe({ v: 1, bits: 16, sparsity: '2:4' }));
});
