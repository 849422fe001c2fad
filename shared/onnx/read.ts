/** An ONNX file as a model. */
import { type FileHandle, open } from 'node:fs/promises';
import { FettleError, reasonOf } from '../errors.ts';
import { decodeModel } from './decode.ts';
import type { Model } from './graph.ts';
import { maxModelBytes } from './sink.ts';

export interface ReadOptions {
  /** Names the model in error messages. */
  readonly path?: string;
}

/**
 * Reads a model from the bytes of its file. The tensors are views of these bytes, which must not be changed while the
 * model is in use. Throws `ONNX_INVALID` and `ONNX_UNSUPPORTED`.
 */
export function readModel(bytes: Uint8Array, { path = 'the model' }: ReadOptions = {}): Model {
  refuseOtherFiles(path, bytes);
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return decodeModel(path, plain);
}

/** Throws what `readModel` throws, and `FILE_MISSING`, `FILE_UNREADABLE` and `TOO_LARGE`. */
export async function readModelFile(path: string): Promise<Model> {
  return readModel(await readBounded(path), { path });
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
    const { size } = await file.stat();
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
    return await open(path, 'r');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') {
      throw new FettleError('FILE_MISSING', { path }, { cause: thrown });
    }
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
