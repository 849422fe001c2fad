/**
 * A data set: for each model input one array whose leading axis counts samples, and labels where
 * there are any.
 */

import { FettleError, reasonOf } from '../errors.ts';
import { emptyTable, own } from '../own.ts';
import type { TensorInfo } from '../protocol/fields.ts';
import type { InputPreparation } from './manifest.ts';
import { type NpyArray, type Npz, npzBytesMax, openNpz, readArray, readRows } from './npz.ts';
import { type Prepare, planPreparation, shapeText } from './prepare.ts';
import type { Selection } from './selection.ts';
import { storage, type Tensors } from './tensor.ts';

export interface DataSet {
  readonly path: string;
  readonly samples: number;
  /** The right class of each sample; null where the file has none. */
  readonly labels: readonly number[] | null;
  /** Samples of one run: the model's own leading dimension; 1 where that varies. */
  readonly batch: number;
  /** The model leaves its leading dimension open. */
  readonly batchVaries: boolean;
  readonly sources: readonly InputSource[];
  readonly npz: Npz;
}

interface InputSource {
  readonly input: string;
  readonly array: string;
  readonly prepare: Prepare;
  /** The model wants a single value without axes. */
  readonly scalar: boolean;
}

export interface DataSetOptions {
  /** What the model is fed. */
  readonly inputs: readonly TensorInfo[];
  /** By input name, as in the manifest. */
  readonly preparation?: Readonly<Record<string, InputPreparation>> | undefined;
  readonly maxBytes?: number;
}

/** Samples prepared for one run of the model. */
export interface Batch {
  /** Index of the first sample within the data set. */
  readonly start: number;
  /** How many samples are real; a fixed batch is filled up with copies of the last one. */
  readonly count: number;
  readonly feeds: Tensors;
}

export const labelsName = 'labels';

/**
 * Opens a data set for a model: every input needs an array of its name; a single data array serves
 * a single input whatever its name. Throws `FILE_MISSING`, `NPZ_INVALID`, `TOO_LARGE` or
 * `DATA_MISMATCH` that says what was expected.
 */
export async function openDataSet(path: string, options: DataSetOptions): Promise<DataSet> {
  const npz = await openNpz(path, { maxBytes: options.maxBytes ?? npzBytesMax });
  requirePrepared(path, options);
  const names = [...npz.arrays.keys()].filter((name) => name !== labelsName);
  const sources = options.inputs.map((input) =>
    planSource(npz, input, {
      names,
      preparation: own(options.preparation, input.name) ?? {},
      options,
    }),
  );
  const samples = countSamples(npz, sources);
  const labels = npz.arrays.has(labelsName) ? await readLabels(npz, samples) : null;
  const leading = options.inputs.map((input) => input.shape[0] ?? 1);
  const batch = Math.max(1, ...leading);
  requireBatch(path, batch);
  return { path, samples, labels, batch, batchVaries: leading.every((n) => n < 0), sources, npz };
}

/**
 * The selected samples in order, prepared, one run of the model at a time: never more than that is
 * in memory.
 */
export async function* batches(dataSet: DataSet, options: Selection = {}): AsyncGenerator<Batch> {
  const { limit = dataSet.samples, every = 1, from = 0 } = options;
  const batch = dataSet.batchVaries ? (options.batch ?? 1) : dataSet.batch;
  let pending: Sample[] = [];
  let taken = 0;
  for await (const sample of samplesOf(dataSet)) {
    if (sample.index % every !== from) continue;
    pending.push(sample);
    taken += 1;
    if (pending.length === batch) {
      yield prepareBatch(dataSet, pending, batch);
      pending = [];
    }
    if (taken >= limit) break;
  }
  const size = dataSet.batchVaries ? pending.length : batch;
  if (pending.length > 0) yield prepareBatch(dataSet, pending, size);
}

/** A run holds all of its samples, and the activations of each, in memory at once. */
const batchMax = 1024;

function requireBatch(path: string, batch: number): void {
  if (batch <= batchMax) return;
  const expected = `a leading dimension of at most ${batchMax} samples a run`;
  throw new FettleError('DATA_MISMATCH', { path, name: 'of the input', expected, got: batch });
}

/**
 * A preparation of an input that the model does not have is a misspelt name, and would go
 * unnoticed.
 */
function requirePrepared(path: string, { inputs, preparation = {} }: DataSetOptions): void {
  const known = inputs.map((input) => input.name);
  const name = Object.keys(preparation).find((one) => !known.includes(one));
  if (name === undefined) return;
  const expected = `a model input to prepare (${known.join(', ')})`;
  throw new FettleError('DATA_MISMATCH', { path, name, expected, got: 'a name of none' });
}

function planSource(
  npz: Npz,
  input: TensorInfo,
  how: { names: string[]; preparation: InputPreparation; options: DataSetOptions },
): InputSource {
  const { names, preparation, options } = how;
  const only = options.inputs.length === 1 && names.length === 1 ? names[0] : undefined;
  const array = names.includes(input.name) ? input.name : only;
  const found = array === undefined ? undefined : npz.arrays.get(array);
  const fail = (fault: { expected: string; got: string }) =>
    new FettleError('DATA_MISMATCH', { path: npz.path, name: array ?? input.name, ...fault });
  if (array === undefined || found === undefined) {
    const expected = `one array for each model input (${options.inputs.map((i) => i.name)})`;
    throw fail({ expected, got: names.length > 0 ? `${names}` : 'none' });
  }
  if (found.shape.length === 0) throw fail({ expected: 'a leading axis of samples', got: '[]' });
  const plan = planPreparation({
    preparation,
    stored: { type: found.type, shape: found.shape.slice(1) },
    wanted: { type: input.type, shape: input.shape.slice(1) },
  });
  if ('expected' in plan) throw fail(plan);
  return { input: input.name, array, prepare: plan, scalar: input.shape.length === 0 };
}

function countSamples(npz: Npz, sources: readonly InputSource[]): number {
  const counts = sources.map(({ array }) => npz.arrays.get(array)?.shape[0] ?? 0);
  const samples = counts[0] ?? 0;
  const odd = counts.findIndex((count) => count !== samples || count === 0);
  if (odd >= 0 || sources.length === 0) {
    throw new FettleError('DATA_MISMATCH', {
      path: npz.path,
      name: sources[odd]?.array ?? '-',
      expected: samples > 0 ? `${samples} samples` : 'at least one sample',
      got: `${counts[odd] ?? 0}`,
    });
  }
  return samples;
}

async function readLabels(npz: Npz, samples: number): Promise<number[]> {
  const { shape, data, type } = await readArray(npz, labelsName);
  const integers = !['float', 'double', 'float16', 'bool'].includes(type);
  if (!integers || shape.length !== 1 || shape[0] !== samples) {
    throw new FettleError('DATA_MISMATCH', {
      path: npz.path,
      name: labelsName,
      expected: `integers of shape [${samples}]`,
      got: `${type} of shape ${shapeText(shape)}`,
    });
  }
  return Array.from(data, Number);
}

/** One stored sample of every source, in the order of the sources. */
interface Sample {
  readonly index: number;
  readonly rows: readonly NpyArray[];
}

/** All arrays side by side, a sample at a time. */
async function* samplesOf({ npz, sources }: DataSet): AsyncGenerator<Sample> {
  const streams = sources.map(({ array }) => rowsOf(npz, array));
  try {
    for (let index = 0; ; index++) {
      const next = await Promise.all(streams.map((stream) => stream.next()));
      const rows = next.flatMap(({ value }) => (value === undefined ? [] : [value]));
      if (rows.length < streams.length) return;
      yield { index, rows };
    }
  } finally {
    for (const stream of streams) await stream.return(undefined);
  }
}

/** Single samples of an array, read from the file in chunks of about a megabyte. */
async function* rowsOf(npz: Npz, name: string): AsyncGenerator<NpyArray, undefined> {
  const array = npz.arrays.get(name);
  const rowBytes = (array?.dataBytes ?? 0) / (array?.shape[0] ?? 1);
  const count = Math.max(1, Math.floor(chunkBytes / Math.max(1, rowBytes)));
  for await (const { type, shape, data } of readRows(npz, name, count)) {
    const [rows = 1, ...rest] = shape;
    const size = data.length / rows;
    for (let row = 0; row < rows; row++) {
      yield { type, shape: [1, ...rest], data: data.slice(row * size, (row + 1) * size) };
    }
  }
  return undefined;
}

const chunkBytes = 1 << 20;

/** Samples as one run of `size`, the last one repeated where some are missing. */
function prepareBatch(dataSet: DataSet, samples: readonly Sample[], size: number): Batch {
  const feeds: Tensors = emptyTable();
  for (const [at, { input, array, prepare, scalar }] of dataSet.sources.entries()) {
    const parts = samples.flatMap(({ rows }) => rows[at] ?? []);
    const rows = concatenate(parts, size);
    try {
      const tensor = prepare.run(rows);
      feeds[input] = scalar ? { ...tensor, dims: [] } : tensor;
    } catch (thrown) {
      const expected = 'values that fit the type of the model input';
      const where = { path: dataSet.path, name: array };
      throw new FettleError('DATA_MISMATCH', { ...where, expected, got: reasonOf(thrown) });
    }
  }
  return { start: samples[0]?.index ?? 0, count: samples.length, feeds };
}

function concatenate(parts: readonly NpyArray[], size: number): NpyArray {
  const [first] = parts;
  if (first === undefined || (parts.length === 1 && size === 1)) return first ?? emptyRow;
  const { type, shape, data } = first;
  const bytes = new Uint8Array(data.byteLength * size);
  for (let at = 0; at < size; at++) {
    const part = parts[Math.min(at, parts.length - 1)] ?? first;
    bytes.set(bytesOf(part.data), at * data.byteLength);
  }
  return { type, shape: [size, ...shape.slice(1)], data: new storage[type](bytes.buffer) };
}

const emptyRow: NpyArray = { type: 'float', shape: [0], data: new Float32Array(0) };

function bytesOf(data: NpyArray['data']): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
