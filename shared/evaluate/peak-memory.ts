/** Peak memory of a model, measured in a process that does nothing else. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { FettleError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import type { BenchModel } from './bench.ts';

const timeoutMs = 300_000;

/**
 * MiB of resident memory at its highest: Node, the runtime, the model and its runs together. Throws
 * `MODEL_UNRUNNABLE` where the process ends without an answer.
 */
export function measurePeakMemory(model: BenchModel, signal: AbortSignal): Promise<number> {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  const file = join(import.meta.dirname, `peak-memory-child.${extension}`);
  const args = [file, encodeJson(model)];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: timeoutMs, signal }, (error, stdout, stderr) => {
      const peak = Number(/^peak (\d+(?:\.\d+)?)$/m.exec(stdout)?.[1]);
      if (Number.isFinite(peak)) return resolve(peak);
      if (signal.aborted) return reject(signal.reason);
      const told = stderr.trim().split('\n').at(-1) ?? '';
      const reason = told || `its process ended early (${error?.signal ?? error?.code})`;
      reject(new FettleError('MODEL_UNRUNNABLE', { path: model.modelPath, reason }));
    });
  });
}
