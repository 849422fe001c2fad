// Runs one damaged input after another, as `inspect` and `compress` would, and says how each ended.
import { join } from 'node:path';
import { compressPackage } from '../../shared/compress/package.ts';
import { FettleError } from '../../shared/errors.ts';
import { loadPackage } from '../../shared/evaluate/package.ts';
import { inspectModel } from '../../shared/onnx/inspect.ts';
import { readModelFile } from '../../shared/onnx/read.ts';

export interface Job {
  readonly modelPath: string;
  readonly packageDir: string;
  readonly calibrationPath: string;
  readonly folder: string;
}

export interface Outcome {
  readonly inspect: string;
  readonly compress: string;
}

process.on('message', async (job: Job) => {
  const outcome: Outcome = {
    inspect: await codeOf(async () => inspectModel(await readModelFile(job.modelPath))),
    compress: await codeOf(() => compress(job)),
  };
  process.send?.(outcome);
});
process.send?.('ready');

async function compress({ modelPath, packageDir, calibrationPath, folder }: Job): Promise<void> {
  const { manifest } = await loadPackage(packageDir);
  await compressPackage({
    modelPath,
    manifest,
    calibrationPath,
    evaluationPath: null,
    recipe: { v: 1, bits: 8 },
    folder: join(folder, 'variants'),
    signal: AbortSignal.timeout(60_000),
  });
}

/** `valid`, the code of a typed error, or `untyped: …`, which is a finding. */
async function codeOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'valid';
  } catch (thrown) {
    if (thrown instanceof FettleError && thrown.code !== 'INTERNAL') return thrown.code;
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return `untyped: ${text.split('\n').slice(0, 4).join(' | ')}`;
  }
}
