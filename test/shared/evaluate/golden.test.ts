import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { digestOfFile } from '../../../shared/digest.ts';
import { checkGolden, judgeGolden, writeGolden } from '../../../shared/evaluate/golden.ts';
import { type NpyArray, openNpz, readArray, writeNpz } from '../../../shared/evaluate/npz.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import { openSession } from '../../../shared/evaluate/runtime.ts';
import { productRoot } from '../../../shared/product.ts';
import { temporaryFolder } from '../../support/fettle.ts';
import { sharedModelOrSkip } from '../../support/models.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);
const digits = join(productRoot(), 'examples/digits');

async function digitsGolden(outPath: string): Promise<{ samples: number; variantPath: string }> {
  const { modelPath, calibrationPath, manifest } = await loadPackage(digits);
  const samples = await writeGolden({
    variantPath: modelPath,
    dataPath: calibrationPath ?? '',
    preparation: manifest.inputs,
    outPath,
  });
  return { samples, variantPath: modelPath };
}

test('the example agrees with its golden set, at every optimization level', async (t) => {
  const path = join(temporaryFolder(t), 'golden.npz');
  const { samples, variantPath } = await digitsGolden(path);
  t.is(samples, 16);
  const npz = await openNpz(path);
  t.deepEqual(npz.arrays.get('input:image')?.shape, [16, 1, 32, 32]);
  t.deepEqual(npz.arrays.get('output:logits')?.shape, [16, 10]);
  for (const optimization of ['all', 'disabled'] as const) {
    const session = await openSession(variantPath, { threads: 1, optimization });
    const result = await checkGolden(session, path);
    t.like(result, { samples: 16, agreement: 1 });
    t.like(judgeGolden(result, { bits: 32 }), { ok: true });
    await session.release();
  }
});

test('the same model and data give the same golden bytes', async (t) => {
  const folder = temporaryFolder(t);
  await digitsGolden(join(folder, 'a.npz'));
  await digitsGolden(join(folder, 'b.npz'));
  t.is(await digestOfFile(join(folder, 'a.npz')), await digestOfFile(join(folder, 'b.npz')));
});

test('a wrong answer is caught: swapped, saturated, or not a number', async (t) => {
  const folder = temporaryFolder(t);
  const { variantPath } = await digitsGolden(join(folder, 'golden.npz'));
  const npz = await openNpz(join(folder, 'golden.npz'));
  const images = await readArray(npz, 'input:image');
  const logits = await readArray(npz, 'output:logits');
  const session = await openSession(variantPath, { threads: 1 });
  const wrongs: Record<string, (value: number, at: number) => number> = {
    swapped: (value, at) => (at < 10 ? -value : value),
    // What vpmaddubsw does to a sum that leaves 16 bits: it stays at the bound.
    saturated: (value) => Math.min(value, 3),
    nan: (value, at) => (at === 7 ? Number.NaN : value),
  };
  for (const [name, change] of Object.entries(wrongs)) {
    const data = Float32Array.from(Array.from(logits.data, Number), change);
    const changed: NpyArray = { ...logits, type: 'float', data };
    const path = join(folder, `${name}.npz`);
    await writeNpz(path, { 'input:image': images, 'output:logits': changed });
    const result = await checkGolden(session, path);
    const verdict = judgeGolden(result, { bits: 8 });
    t.false(verdict.ok, name);
    t.regex(verdict.reason, /dB|same answer/);
  }
  await session.release();
});

test('an 8-bit kernel for other instructions is told from a wrong one', async (t) => {
  const variantPath = sharedModelOrSkip(t, 'other/resnet8-already-quantized.onnx');
  const folder = sharedModelOrSkip(t, 'resnet8-cifar');
  if (variantPath === null || folder === null) return;
  const { calibrationPath, manifest } = await loadPackage(folder);
  const outPath = join(temporaryFolder(t), 'golden.npz');
  const dataPath = calibrationPath ?? '';
  await writeGolden({ variantPath, dataPath, preparation: manifest.inputs, outPath });
  // The same 8-bit numbers, computed in float between Q and DQ: another kernel, not a wrong one.
  const session = await openSession(variantPath, { threads: 1, optimization: 'basic' });
  const result = await checkGolden(session, outPath);
  t.true(judgeGolden(result, { bits: 8 }).ok, JSON.stringify(result));
  t.false(judgeGolden(result, { bits: 32 }).ok, 'float variants are held to more');
  await session.release();
});

test('scalars and fixed batches go through a golden set', async (t) => {
  const folder = temporaryFolder(t);
  const data = Float32Array.from({ length: 30 }, (_, at) => at);
  await writeNpz(join(folder, 'scaled.npz'), {
    x: { type: 'float', shape: [6, 5], data },
    factor: { type: 'float', shape: [6], data: new Float32Array([1, 2, 3, 4, 5, 6]) },
  });
  await writeNpz(join(folder, 'batch4.npz'), { x: { type: 'float', shape: [10, 3], data } });
  for (const [name, samples] of [
    ['scaled', 6],
    ['batch4', 8],
  ] as const) {
    const outPath = join(folder, `${name}-golden.npz`);
    const variantPath = fixture(`${name}.onnx`);
    const dataPath = join(folder, `${name}.npz`);
    t.is(await writeGolden({ variantPath, dataPath, outPath }), samples, name);
    const session = await openSession(variantPath, { threads: 1 });
    t.like(await checkGolden(session, outPath), { samples, agreement: 1, sqnrDb: 200 }, name);
    await session.release();
  }
});

test('a golden set of another model is refused, data that do not fit leave no file', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'golden.npz');
  await digitsGolden(path);
  const session = await openSession(fixture('echo.onnx'), { threads: 1 });
  await t.throwsAsync(checkGolden(session, path), {
    code: 'DATA_MISMATCH',
    message: /array x: expected input:x, got image/,
  });
  await session.release();
  t.false(judgeGolden({ samples: 0, agreement: 0, sqnrDb: 200 }, { bits: 8 }).ok);
  const outPath = join(folder, 'none.npz');
  const request = { variantPath: fixture('echo.onnx'), dataPath: path, outPath };
  await t.throwsAsync(writeGolden(request), { code: 'DATA_MISMATCH' });
  t.false(existsSync(outPath));
});
