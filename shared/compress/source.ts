/** The source model as one file's bytes, external data embedded. */
import { readFile, stat } from 'node:fs/promises';
import { FettleError } from '../errors.ts';
import { feeds, type Model } from '../onnx/graph.ts';
import { readModel, readModelFile } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import type { TensorInfo } from '../protocol/fields.ts';

export interface Source {
  readonly bytes: Uint8Array;
  readonly model: Model;
}

/** Throws `FILE_MISSING` and what reading a model throws. */
export async function loadSource(path: string): Promise<Source> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new FettleError('FILE_MISSING', { path });
  try {
    const bytes = await readFile(path);
    return { bytes, model: readModel(bytes, { path }) };
  } catch (thrown) {
    if (!(thrown instanceof FettleError) || thrown.code !== 'ONNX_EXTERNAL_DATA') throw thrown;
    const model = await readModelFile(path);
    return { bytes: writeModel(model), model };
  }
}

/** What the model must be fed, as data sets are checked against it; -1 is a size that varies. */
export function inputsOf(model: Model): TensorInfo[] {
  return feeds(model.graph).map(({ name, type, dims }) => ({
    name,
    type: type ?? 'float',
    shape: (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : -1)),
  }));
}
