/** Kernels without VNNI, as an emulated processor has them, against what the target x64 avoids. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compressFile } from '../../../../shared/compress/file.ts';
import type { Recipe } from '../../../../shared/compress/recipe.ts';
import type { FileResult } from '../../../../shared/compress/request.ts';
import { writeNpz } from '../../../../shared/evaluate/npz.ts';
import { writeModel } from '../../../../shared/onnx/write.ts';
import { createRandom } from '../../../../shared/random.ts';
import { temporaryFolder } from '../../../support/fettle.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';
import { programOrSkip } from '../../../support/programs.ts';

const random = createRandom(5);
const dims = [1, 16, 6, 6];

function numbers(count: number, make: () => number): number[] {
  return Array.from({ length: count }, make);
}

/** Rows of like signs and inputs near their peak: neighbouring products add up. */
function bigSums() {
  const outputs = 32;
  const weights = Array.from({ length: outputs }, (_, row) =>
    numbers(16 * 9, () => (row % 2 === 0 ? 1 : -1) * (0.7 + 0.3 * random())),
  );
  const conv = nodeOf('Conv', { inputs: ['x', 'w'], outputs: ['y'] }, ['pads', ints(1, 1, 1, 1)]);
  const initializers = { w: floats([outputs, 16, 3, 3], weights.flat()) };
  const inputs = [valueNamed('x', dims)];
  return modelOf(graphOf({ nodes: [conv], inputs, outputs: ['y'], initializers }));
}

interface Scene {
  readonly folder: string;
  readonly modelPath: string;
  readonly calibrationPath: string;
  readonly input: readonly number[];
}

async function scene(t: ExecutionContext): Promise<Scene> {
  const folder = temporaryFolder(t);
  const modelPath = join(folder, 'model.onnx');
  await writeFile(modelPath, writeModel(bigSums()));
  const samples = 32;
  const size = 16 * 36;
  const data = Float32Array.from(numbers(samples * size, () => 0.8 + 0.2 * random()));
  const calibrationPath = join(folder, 'calibration.npz');
  const [, ...rest] = dims;
  await writeNpz(calibrationPath, { x: { type: 'float', shape: [samples, ...rest], data } });
  return { folder, modelPath, calibrationPath, input: Array.from(data.subarray(0, size)) };
}

async function variant(found: Scene, target: string): Promise<FileResult> {
  const { folder, modelPath, calibrationPath } = found;
  const signal = AbortSignal.timeout(60_000);
  const recipe: Recipe = { v: 1, bits: 8, target, corrections: [] };
  const request = { modelPath, manifest: null, calibrationPath, recipe, signal };
  return await compressFile(request, () => join(folder, `${target}.onnx`));
}

/** The largest difference from the float model, as a share of its largest output. */
async function errorOn(found: Scene, path: string, runner: readonly string[]): Promise<number> {
  const inputPath = join(found.folder, 'input.json');
  await writeFile(inputPath, JSON.stringify({ dims, values: found.input }));
  const script = join(import.meta.dirname, '../../../support/outputs-of.ts');
  const run = (model: string, by: readonly string[]): number[] => {
    const [program = '', ...args] = [...by, process.execPath, script, model, inputPath];
    // The emulator warns of what it lacks; only the numbers are wanted.
    const quiet = { stdio: 'pipe', timeout: 120_000 } as const;
    return JSON.parse(execFileSync(program, args, quiet).toString());
  };
  const float = run(found.modelPath, []);
  const most = Math.max(...float.map(Math.abs));
  const made = run(path, runner);
  return Math.max(...made.map((value, i) => Math.abs(value - (float[i] ?? 0)))) / most;
}

test('without VNNI the target x64 is right where the usual one is not', async (t) => {
  t.timeout(300_000);
  const emulator = programOrSkip(t, 'qemu-x86_64-static');
  if (emulator === null) return;
  const found = await scene(t);
  const haswell = [emulator, '-cpu', 'Haswell'];
  const plain = await variant(found, 'x64-vnni');
  const safe = await variant(found, 'x64');
  t.regex(safe.layers[0]?.reason ?? '', /weights of 32 of 32 channels are at most 6\d to/);
  t.true((await errorOn(found, plain.path, haswell)) > 0.1);
  t.true((await errorOn(found, safe.path, haswell)) < 0.02);
  t.true((await errorOn(found, safe.path, [])) < 0.02);
});

test('weights are limited for the target x64 alone, and building again agrees', async (t) => {
  const found = await scene(t);
  const safe = await variant(found, 'x64');
  t.truthy(safe.record?.limits);
  const vnni = await variant(found, 'x64-vnni');
  t.is(vnni.record?.limits, undefined);
  t.regex(vnni.layers[0]?.reason ?? '', /^as the recipe asks/);
  const { modelPath, folder } = found;
  const again = await compressFile(
    {
      ...{ modelPath, manifest: null, calibrationPath: null, recipe: safe.recipe },
      ...(safe.record && { record: safe.record }),
      signal: AbortSignal.timeout(60_000),
    },
    () => join(folder, 'again.onnx'),
  );
  t.is(again.digest, safe.digest);
});
