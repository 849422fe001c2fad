/** The reference quantizer in a process of its own, from its Python package. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { productRoot } from '../../shared/product.ts';
import { numberAt } from './number-at.ts';

const run = promisify(execFile);
const timeoutMs = 600_000;

export interface PeerRun {
  /** Pre-processing, calibration and quantization. */
  readonly seconds: number;
  readonly peakMemoryMiB: number;
}

export async function runPeer(job: {
  folder: string;
  calibrator: string;
  path: string;
  signal: AbortSignal;
}): Promise<PeerRun> {
  const script = join(productRoot(), 'bench', 'peers', 'quantize.py');
  const { stdout } = await run('python3', [script, job.folder, job.calibrator, job.path], {
    signal: job.signal,
    timeout: timeoutMs,
    maxBuffer: 1 << 24,
  });
  const report: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return {
    seconds: numberAt(report, 'seconds') + numberAt(report, 'preprocessSeconds'),
    peakMemoryMiB: numberAt(report, 'peakMemoryMiB'),
  };
}
