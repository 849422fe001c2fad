/**
 * Cases of the official ONNX backend tests: a model, the inputs of its first data set, the outputs.
 */
import { decodeTensor } from '../../shared/onnx/decode-tensor.ts';
import type { Tensor } from '../../shared/onnx/graph.ts';
import { startReading } from '../../shared/onnx/wire.ts';
import { sharedModel } from './models.ts';
import { readTarGz } from './tar.ts';

export interface BackendCase {
  /** Its folder, e.g. `node/test_abs`. */
  readonly name: string;
  readonly model: Uint8Array;
  /** In the order of the model's inputs; null where a file holds no tensor (a sequence). */
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (Tensor | null)[];
}

/** null where the archive is not on this machine. */
export function backendCases(): BackendCase[] | null {
  const path = sharedModel('onnx-backend-tests.tar.gz');
  if (path === null) return null;
  const files = readTarGz(path);
  return [...files.keys()]
    .filter((name) => name.endsWith('/model.onnx'))
    .sort()
    .map((name) => caseOf(files, name.replace(/\/model\.onnx$/, '')));
}

function caseOf(files: ReadonlyMap<string, Uint8Array>, folder: string): BackendCase {
  return {
    name: folder.split('/').slice(-2).join('/'),
    model: files.get(`${folder}/model.onnx`) ?? new Uint8Array(0),
    inputs: tensorsAt(files, `${folder}/test_data_set_0/input_`),
    outputs: tensorsAt(files, `${folder}/test_data_set_0/output_`),
  };
}

function tensorsAt(files: ReadonlyMap<string, Uint8Array>, stem: string): (Tensor | null)[] {
  const tensors: (Tensor | null)[] = [];
  for (let index = 0; ; index++) {
    const bytes = files.get(`${stem}${index}.pb`);
    if (!bytes) return tensors;
    tensors.push(tensorIn(bytes));
  }
}

function tensorIn(bytes: Uint8Array): Tensor | null {
  try {
    return decodeTensor(startReading('a data file'), bytes).tensor;
  } catch {
    return null;
  }
}
