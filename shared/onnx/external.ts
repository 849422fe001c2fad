/**
 * External data (onnx/docs/ExternalData.md): tensors whose bytes lie in files beside the model. The
 * model is not trusted: it may name only regular files inside its own folder.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { FettleError, reasonOf } from '../errors.ts';
import { byteLength } from './check.ts';
import type { Graph, Model, Tensor } from './graph.ts';
import { maxModelBytes } from './sink.ts';
import { allTensors } from './walk.ts';

interface Place {
  /** The model's path, for messages. */
  readonly path: string;
  readonly folder: string;
}

/** Where one tensor's bytes are. */
interface Range {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

export function hasExternalData(graph: Graph): boolean {
  for (const { tensor } of allTensors(graph)) if (tensor.external) return true;
  return false;
}

/**
 * Reads all external tensors from the model's folder into the model, which is then whole by itself.
 * Throws `ONNX_EXTERNAL_DATA`, and `TOO_LARGE` where the whole passes 2 GiB.
 */
export async function embedExternalData(model: Model, place: Place): Promise<void> {
  const files = new Map<string, FileHandle>();
  let total = 0;
  try {
    for (const { tensor, replace } of allTensors(model.graph)) {
      if (!tensor.external) continue;
      const range = rangeOf(place, tensor, tensor.external);
      total += range.length;
      if (total > maxModelBytes) {
        throw new FettleError('TOO_LARGE', { what: place.path, got: total, limit: maxModelBytes });
      }
      const file = files.get(range.location) ?? (await openInside(place, range.location));
      files.set(range.location, file);
      const bytes = await readRange(place, file, range);
      const { external: _, ...rest } = tensor;
      replace({ ...rest, bytes });
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
}

function refuse(place: Place, location: string, reason: string): FettleError {
  return new FettleError('ONNX_EXTERNAL_DATA', { path: place.path, location, reason });
}

function rangeOf(place: Place, tensor: Tensor, entries: ReadonlyMap<string, string>): Range {
  const location = entries.get('location') ?? '';
  if (tensor.type === 'string') throw refuse(place, location, 'strings cannot lie outside');
  const expected = byteLength(tensor.type, tensor.dims);
  const offset = wholeNumber(place, location, entries.get('offset') ?? '0');
  const length = wholeNumber(place, location, entries.get('length') ?? String(expected));
  if (length === expected) return { location, offset, length };
  const reason = `${length} bytes for a tensor of ${expected}`;
  throw refuse(place, location, reason);
}

function wholeNumber(place: Place, location: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw refuse(place, location, `offset or length "${text.slice(0, 40)}" is no whole number`);
}

/**
 * Opens a file of the folder: no way out of it by `..`, by an absolute path or by a link, and no
 * device or pipe.
 */
async function openInside(place: Place, location: string): Promise<FileHandle> {
  const parts = location.split(/[/\\]/);
  if (location === '' || isAbsolute(location) || parts.includes('..') || location.includes('\0')) {
    throw refuse(place, location, 'only files inside the folder of the model may be named');
  }
  let file: FileHandle | undefined;
  try {
    const folder = await realpath(place.folder);
    const real = await realpath(join(folder, location));
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
      throw refuse(place, location, 'it is a link out of the folder of the model');
    }
    file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw refuse(place, location, 'it is no regular file');
    return file;
  } catch (thrown) {
    await file?.close();
    if (thrown instanceof FettleError) throw thrown;
    throw refuse(place, location, whyNotOpened(thrown));
  }
}

function whyNotOpened(thrown: unknown): string {
  const missing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
  return missing ? 'no such file' : reasonOf(thrown);
}

async function readRange(
  place: Place,
  file: FileHandle,
  { location, offset, length }: Range,
): Promise<Uint8Array> {
  const { size } = await file.stat();
  if (offset + length > size) {
    throw refuse(place, location, `bytes ${offset} to ${offset + length} of a file of ${size}`);
  }
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw refuse(place, location, 'it became shorter while it was read');
    done += bytesRead;
  }
  return bytes;
}
