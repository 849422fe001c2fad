import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { compressFile } from '../../../../shared/compress/file.ts';
import { solveJoint } from '../../../../shared/compress/joint/solve.ts';
import { splitCalibration } from '../../../../shared/compress/joint/split.ts';
import { loadSource } from '../../../../shared/compress/source.ts';
import { startWork } from '../../../../shared/compress/work.ts';
import { openNpz, readArray, writeNpz } from '../../../../shared/evaluate/npz.ts';
import { loadPackage } from '../../../../shared/evaluate/package.ts';
import { temporaryFolder } from '../../../support/fettle.ts';
import { sharedModelOrSkip } from '../../../support/models.ts';

const { signal } = new AbortController();
const recipe = { v: 1, bits: 8 } as const;

test('samples are in one of two parts, each in its place', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'all.npz');
  const data = Float32Array.from({ length: 40 }, (_, i) => i);
  await writeNpz(path, { x: { type: 'float', shape: [20, 2], data } });
  const { fitPath, judgePath } = await splitCalibration(path, folder);
  const [fit, judge] = [
    await readArray(await openNpz(fitPath), 'x'),
    await readArray(await openNpz(judgePath), 'x'),
  ];
  t.deepEqual(fit.shape, [15, 2]);
  t.deepEqual([...judge.data], [6, 7, 14, 15, 22, 23, 30, 31, 38, 39]);
  t.deepEqual(
    [...fit.data, ...judge.data].map(Number).toSorted((a, b) => a - b),
    [...data],
  );
});

test('what only prunes, what only quantizes and both are tried, in bounded time', async (t) => {
  const folder = sharedModelOrSkip(t, 'resnet8-cifar');
  if (folder === null) return;
  const { modelPath, manifest, calibrationPath } = await loadPackage(folder);
  const seen = new Set<string>();
  const onProgress = ({ what }: { what: string }) => seen.add(what);
  const request = { modelPath, manifest, calibrationPath, recipe, signal, onProgress };
  const work = startWork(await loadSource(modelPath), request);
  const all = await solveJoint(work, { threads: 1, secondsMax: 10, timingSeconds: 1 });
  const kinds = new Set(all.map(({ kind }) => kind));
  t.deepEqual([...kinds].sort(), ['float', 'joint', 'prune only', 'quantize only']);
  for (const { noise, speedup, bytes, file } of all) {
    t.true(Number.isFinite(noise) && speedup > 0 && bytes === file.length);
  }
  t.true(all.every(({ kind, noise }) => kind !== 'float' || noise < 1e-6));
  t.true(seen.has('trying changes one by one'));
});

test('a speed-up that is asked for ends in a variant that says how it was found', async (t) => {
  const folder = sharedModelOrSkip(t, 'resnet8-cifar');
  if (folder === null) return;
  const { modelPath, manifest, calibrationPath } = await loadPackage(folder);
  const out = join(temporaryFolder(t), 'variant.onnx');
  const speed = { speedup: 1.2, secondsMax: 10 };
  const request = { modelPath, manifest, calibrationPath, recipe, speed, signal };
  const written = await compressFile(request, () => out);
  t.true(existsSync(out));
  t.regex(written.notes.join('\n'), /Joint search: 1\.2 times the source's speed was asked for/);
  await t.throwsAsync(
    compressFile({ ...request, recipe: { v: 1, bits: 4 } }, () => out),
    { code: 'RECIPE_INVALID', message: /searched for with 8 bits/ },
  );
});
