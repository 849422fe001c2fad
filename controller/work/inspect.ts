/** Starts a worker on a package: what it is comes first, how good it is comes later. */
import { FettleError } from '../../shared/errors.ts';
import type { ModelRecord } from '../../shared/protocol/api.ts';
import type { World } from '../world.ts';
import type { Files, Inspected, Measured } from './messages.ts';
import { createPool } from './pool.ts';
import { runJob } from './run.ts';

export interface Measuring {
  /**
   * Resolves when the package is known to be sound; its measurement goes on. Throws what is wrong
   * with it.
   */
  start(
    files: Files,
    onProgress: (progress: ModelRecord['progress']) => void,
  ): Promise<{ inspected: Inspected; measured: Promise<Measured> }>;
}

/** Pushed models measured at once: each uses every core. */
const width = 1;
const attempts = 2;

export function createMeasuring({ settings }: World, signal: AbortSignal): Measuring {
  const pool = createPool(width);
  const limits = {
    timeoutMs: settings.workerTimeoutSeconds * 1000,
    memoryMib: settings.workerMemoryMib,
    signal,
  };
  return {
    async start(files, onProgress) {
      const found = Promise.withResolvers<Inspected>();
      const measured = Promise.withResolvers<Measured>();
      // Whoever waits for the first hears of a failure there; the second must not count as
      // unhandled then.
      measured.promise.catch(() => {});
      const job = { kind: 'measure', files } as const;
      const attempt = () =>
        runJob(job, {
          ...limits,
          onAnswer(answer) {
            if (answer.type === 'progress') onProgress(answer.progress);
            if (answer.type === 'inspected') found.resolve(answer);
            if (answer.type === 'measured') measured.resolve(answer);
          },
        });
      const work = async () => {
        for (let time = 1; ; time += 1) {
          const { lost } = await pool.run(attempt);
          if (lost === null) return;
          if (time < attempts) continue;
          const reason = `measuring it ended the process ${attempts} times (${lost})`;
          throw new FettleError('MODEL_UNRUNNABLE', { path: files.manifest.model, reason });
        }
      };
      work().catch((thrown) => {
        found.reject(thrown);
        measured.reject(thrown);
      });
      return { inspected: await found.promise, measured: measured.promise };
    },
  };
}
