/** An ONNX file as a model. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FettleError, reasonOf } from '../errors.ts';
import { checkModel } from './check.ts';
import { decodeModel } from './decode.ts';
import { embedExternalData, hasExternalData } from './external.ts';
import type { Model } from './graph.ts';
import { maxModelBytes } from './sink.ts';

export interface ReadOptions {
  /** Names the model in error messages. */
  readonly path?: string;
}

/**
 * Reads and checks a model from the bytes of its file. The tensors are views of these bytes, which
 * must not be changed while the model is in use. Throws `ONNX_INVALID`, `ONNX_UNSUPPORTED` and,
 * because bytes have no folder, `ONNX_EXTERNAL_DATA`.
 */
export function readModel(bytes: Uint8Array, { path = 'the model' }: ReadOptions = {}): Model {
  const model = decode(path, bytes);
  if (hasExternalData(model.graph)) {
    const reason = 'the tensors lie in another file, only the model itself was given';
    throw new FettleError('ONNX_EXTERNAL_DATA', { path, location: 'of the model', reason });
  }
  checkModel(model, path);
  return model;
}

/**
 * Reads and checks a model with its external data. Throws what `readModel` throws, and
 * `FILE_MISSING`, `FILE_UNREADABLE` and `TOO_LARGE`.
 */
export async function readModelFile(path: string): Promise<Model> {
  const model = decode(path, await readBounded(path));
  await embedExternalData(model, { path, folder: dirname(path) });
  checkModel(model, path);
  return model;
}

function decode(path: string, bytes: Uint8Array): Model {
  refuseOtherFiles(path, bytes);
  return decodeModel(path, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Files that commonly lie where a model should, told apart from damaged models. */
function refuseOtherFiles(path: string, bytes: Uint8Array): void {
  const refuse = (reason: string) => new FettleError('ONNX_INVALID', { path, reason });
  if (bytes.byteLength === 0) throw refuse('the file is empty');
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 200));
  const head = start.toString('latin1').trimStart().toLowerCase();
  if (head.startsWith('version https://git-lfs')) {
    throw refuse('this is a Git LFS pointer, fetch the real file with git lfs pull');
  }
  if (head.startsWith('<!doctype') || head.startsWith('<html') || head.startsWith('<?xml')) {
    throw refuse('this is a web page, probably an error page saved by a download');
  }
  if (head.startsWith('pk\u0003\u0004')) throw refuse('this is a zip archive');
}

async function readBounded(path: string): Promise<Uint8Array> {
  const file = await openToRead(path);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) {
      throw new FettleError('FILE_UNREADABLE', { path, reason: 'it is no regular file' });
    }
    const { size } = stats;
    if (size > maxModelBytes) {
      throw new FettleError('TOO_LARGE', { what: path, got: size, limit: maxModelBytes });
    }
    return await file.readFile();
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown;
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) }, { cause: thrown });
  } finally {
    await file.close();
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    // Without blocking, so that a pipe is refused instead of waited for.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') {
      throw new FettleError('FILE_MISSING', { path }, { cause: thrown });
    }
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
