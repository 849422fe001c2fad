/** A model as an ONNX file. */
import { writeFileAtomic } from '../atomic-file.ts';
import { encodeModel } from './encode.ts';
import type { Model } from './graph.ts';

/**
 * Deterministic: the same model gives the same bytes. Each tensor is copied once. Throws
 * `TOO_LARGE`.
 */
export function writeModel(model: Model): Uint8Array<ArrayBuffer> {
  return encodeModel(model);
}

/** Throws `TOO_LARGE`, `DISK_FULL` and `FILE_UNREADABLE`; the file is whole or as it was. */
export async function writeModelFile(path: string, model: Model): Promise<void> {
  await writeFileAtomic(path, encodeModel(model));
}
