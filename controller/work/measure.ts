/**
 * What a pushed model is, whether its data fits it, and how good it is: runs in a worker process.
 */
import { availableParallelism } from 'node:os';
import { FettleError } from '../../shared/errors.ts';
import { openDataSet } from '../../shared/evaluate/dataset.ts';
import { sourceQuality } from '../../shared/evaluate/outcome.ts';
import { measureSource, metricFor } from '../../shared/evaluate/quality.ts';
import { openSession } from '../../shared/evaluate/runtime.ts';
import { readModelFile } from '../../shared/onnx/read.ts';
import type { TensorInfo } from '../../shared/protocol/fields.ts';
import type { Answer, Files, Inspected } from './messages.ts';

type Send = (answer: Answer) => Promise<void>;

/** Sends what the model is, then how good. Throws what is wrong with the package. */
export async function measureModel(files: Files, send: Send): Promise<void> {
  const { inspected, labels } = await inspect(files);
  await send(inspected);
  const { manifest, modelPath, evaluationPath } = files;
  if (evaluationPath === null || labels === null) {
    await send({ type: 'measured', quality: null, outcome: null });
    return;
  }
  const { metric } = await metricFor(manifest, { labels, modelPath });
  const outcome = await measureSource({
    modelPath,
    dataPath: evaluationPath,
    preparation: manifest.inputs,
    metric,
    threads: availableParallelism(),
    onProgress: (progress) => void send({ type: 'progress', progress }),
  });
  await send({ type: 'measured', quality: sourceQuality(outcome), outcome });
}

/** `labels` says whether the evaluation data has labels; null where there is none. */
async function inspect(files: Files): Promise<{ inspected: Inspected; labels: boolean | null }> {
  const { manifest, modelPath, calibrationPath, evaluationPath } = files;
  if (calibrationPath !== null && calibrationPath === evaluationPath) {
    const reason = 'calibration and evaluation are the same file; they must not share samples';
    throw new FettleError('PACKAGE_INVALID', { path: manifest.name, reason });
  }
  const model = await readModelFile(modelPath);
  const { inputs, outputs } = await signature(modelPath);
  const options = { inputs, preparation: manifest.inputs };
  if (calibrationPath !== null) await openDataSet(calibrationPath, options);
  const evaluation = evaluationPath === null ? null : await openDataSet(evaluationPath, options);
  const parameters = [...model.graph.initializers.values()]
    .map(({ dims }) => dims.reduce((product, size) => product * size, 1))
    .reduce((total, count) => total + count, 0);
  const opset = model.opsets.get('') ?? null;
  const notes = notesOf(files);
  return {
    inspected: {
      type: 'inspected',
      inputs: [...inputs],
      outputs: [...outputs],
      opset,
      parameters,
      notes,
    },
    labels: evaluation === null ? null : evaluation.labels !== null,
  };
}

/** Inputs and outputs as the runtime sees them. Throws `MODEL_UNRUNNABLE`. */
async function signature(
  modelPath: string,
): Promise<{ inputs: readonly TensorInfo[]; outputs: readonly TensorInfo[] }> {
  const session = await openSession(modelPath, { threads: 1 });
  const { inputs, outputs } = session;
  await session.release();
  return { inputs, outputs };
}

function notesOf({ calibrationPath, evaluationPath, manifest }: Files): string[] {
  const notes: string[] = [];
  if (calibrationPath === null) {
    notes.push('No calibration data: only weights can be compressed, activations stay float.');
  }
  if (evaluationPath === null) {
    notes.push('No evaluation data: quality is not measured and maxDrop cannot be held.');
  } else if (manifest.quality === undefined) {
    notes.push('No quality in the manifest: its metric and maxDrop are the defaults.');
  }
  return notes;
}
