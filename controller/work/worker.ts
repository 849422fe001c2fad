/**
 * The process in which models are measured and variants are built: what crashes, leaks or never
 * ends here does not take the controller with it. It does one job and ends.
 */
import * as v from 'valibot';
import { FettleError, reasonOf } from '../../shared/errors.ts';
import { encodeJson } from '../../shared/json.ts';
import { type Answer, type Files, Job } from './messages.ts';

// A controller that is gone waits for nothing any more.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group: when to end is for the controller to say.
process.on('SIGINT', () => {});
process.once('message', (message) => {
  // What is thrown here ends the process, which the controller takes as lost.
  const job = v.parse(Job, JSON.parse(String(message)));
  work(job).finally(() => process.disconnect());
});

async function work(job: Job): Promise<void> {
  try {
    if (job.kind === 'measure') {
      const { measureModel } = await import('./measure.ts');
      await measureModel(job.files, send);
    } else if (job.kind === 'compare') {
      const { compareVersions } = await import('./compare.ts');
      await compareVersions(job, send);
    } else {
      const { buildVariant } = await import('./build.ts');
      await buildVariant(job, send);
    }
  } catch (thrown) {
    await send(failure(thrown, job.files));
  }
}

/**
 * Resolves when the controller has it, so that the process doesn't end before. Throws `NOT_FINITE`.
 */
async function send(answer: Answer): Promise<void> {
  const text = encodeJson(answer);
  await new Promise<void>((resolve) => {
    process.send?.(text, () => resolve());
  });
}

/** Paths of the store say nothing to people: the names of the package are shown instead. */
function failure(thrown: unknown, files: Files): Answer {
  if (!(thrown instanceof FettleError)) {
    return { type: 'failed', code: 'INTERNAL', details: { reason: reasonOf(thrown) } };
  }
  const { manifest } = files;
  const names = [
    [files.modelPath, manifest.model],
    [files.calibrationPath, manifest.calibration ?? 'calibration'],
    [files.evaluationPath, manifest.evaluation ?? 'evaluation'],
  ] as const;
  const details = Object.entries(thrown.details).map(([key, value]) => {
    if (typeof value !== 'string') return [key, Number.isFinite(value) ? value : String(value)];
    const text = names.reduce((t, [path, name]) => (path ? t.replaceAll(path, name) : t), value);
    return [key, text];
  });
  return { type: 'failed', code: thrown.code, details: Object.fromEntries(details) };
}
