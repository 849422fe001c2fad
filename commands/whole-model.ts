/** A model as one file: where its tensors lie in other files, they are put into a copy. */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FettleError, reasonOf } from '../shared/errors.ts';
import { readModel, readModelFile } from '../shared/onnx/read.ts';
import { writeModelFile } from '../shared/onnx/write.ts';

/** `temporary` is a copy that the caller removes. Throws what is wrong with the model. */
export async function wholeModel(path: string): Promise<{ path: string; temporary: boolean }> {
  if (await isWhole(path)) return { path, temporary: false };
  const copy = join(tmpdir(), `fettle-${randomBytes(8).toString('hex')}.onnx`);
  await writeModelFile(copy, await readModelFile(path));
  return { path: copy, temporary: true };
}

async function isWhole(path: string): Promise<boolean> {
  try {
    readModel(await readBounded(path), { path });
    return true;
  } catch (thrown) {
    if (thrown instanceof FettleError && thrown.code === 'ONNX_EXTERNAL_DATA') return false;
    throw thrown;
  }
}

/** Protobuf messages, and with them ONNX files, end at 2 GiB. */
const bytesMax = 2 ** 31 - 1;

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size <= bytesMax) return await readFile(path);
    throw new FettleError('TOO_LARGE', { what: path, got: size, limit: bytesMax });
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown;
    throw new FettleError('FILE_UNREADABLE', { path, reason: reasonOf(thrown) });
  }
}
