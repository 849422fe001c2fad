/** `(x·scale − mean) / std`, element by element, from any stored type to any type a model wants. */
import type { InputPreparation } from './manifest.ts';
import type { NpyArray } from './npz.ts';
import { allocate, fromFloat16, type StorableType, toFloat16 } from './tensor.ts';

type Data = NpyArray['data'];

/** Where the elements of samples go; a sample is `size` elements, stored and prepared alike. */
export interface Order {
  readonly size: number;
  readonly channels: number;
  /** For each element of a prepared sample, the stored element it is; null where nothing moves. */
  readonly source: Int32Array | null;
  /** Elements of one channel that lie together: all of its plane, or 1 where channels are last. */
  readonly run: number;
}

export interface Affine {
  /** Values stay as they are, so only their type may change. */
  readonly identity: boolean;
  /** Fills `out` from the rows, all samples of both. */
  convert(rows: NpyArray, out: Data, order: Order): void;
}

interface Fault {
  readonly expected: string;
  readonly got: string;
}

const floats: readonly StorableType[] = ['float', 'double', 'float16'];

/** Computed in double precision and rounded once to the type of the model. */
export function planAffine(
  preparation: InputPreparation,
  channels: number,
  types: { from: StorableType; to: StorableType },
): Affine | Fault {
  const { scale = 1, mean = [0], std = [1] } = preparation;
  const fault = constantsFault({ mean, std }, channels) ?? typesFault(types);
  if (fault) return fault;
  const identity = scale === 1 && mean.every((m) => m === 0) && std.every((s) => s === 1);
  const toFloat = floats.includes(types.to);
  if (!toFloat && !identity) {
    return { expected: `no scale, mean or std for an input of type ${types.to}`, got: 'some' };
  }
  const apply: Apply = (x, channel) =>
    (x * scale - (mean[channel % mean.length] ?? 0)) / (std[channel % std.length] ?? 1);
  if (!toFloat) return { identity, convert: convertIntegers };
  const finish: Apply =
    types.to === 'float16' ? (x, channel) => toFloat16(apply(x, channel)) : apply;
  const table = byteTable(finish, channels, types);
  const convert: Affine['convert'] = (rows, out, order) => {
    if (table === null) convertFloats(rows, out, { ...order, finish });
    else convertBytes(rows, out, { ...order, table });
  };
  return { identity, convert };
}

type Apply = (x: number, channel: number) => number;
type Table = Float32Array | Float64Array | Uint16Array;

/** Of one byte only 256 values are possible: each is computed once a channel. */
function byteTable(
  finish: Apply,
  channels: number,
  { from, to }: { from: StorableType; to: StorableType },
): Table | null {
  if (from !== 'uint8' && from !== 'int8' && from !== 'bool') return null;
  const table = allocate(to, 256 * channels);
  if (table instanceof BigInt64Array || table instanceof BigUint64Array) return null;
  for (let index = 0; index < table.length; index++) {
    const x = from === 'int8' ? ((index & 255) << 24) >> 24 : index & 255;
    table[index] = finish(x, index >> 8);
  }
  return table instanceof Float32Array || table instanceof Float64Array ? table : halves(table);
}

function halves(table: Data): Table | null {
  return table instanceof Uint16Array ? table : null;
}

/** The loop that images go through: no function is called for an element. */
function convertBytes(rows: NpyArray, out: Data, how: Order & { table: Table }): void {
  const { size, channels, source, run, table } = how;
  const { data } = rows;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (out instanceof BigInt64Array || out instanceof BigUint64Array)
    throw new TypeError('no float');
  for (let start = 0; start < out.length; start += size) {
    for (let first = 0; first < size; first += run) {
      const base = (Math.floor(first / run) % channels) << 8;
      for (let at = first; at < first + run; at++) {
        const from = source === null ? at : (source[at] ?? 0);
        out[start + at] = table[base | (bytes[start + from] ?? 0)] ?? 0;
      }
    }
  }
}

function convertFloats(rows: NpyArray, out: Data, how: Order & { finish: Apply }): void {
  const { size, channels, source, run, finish } = how;
  const { data, type } = rows;
  if (out instanceof BigInt64Array || out instanceof BigUint64Array)
    throw new TypeError('no float');
  const read = type === 'float16' ? fromFloat16 : Number;
  for (let to = 0; to < out.length; to++) {
    const within = to % size;
    const from = source === null ? to : to - within + (source[within] ?? 0);
    out[to] = finish(read(Number(data[from])), Math.floor(within / run) % channels);
  }
}

/** Integers keep their value; one that the wanted type cannot hold is refused. */
function convertIntegers({ data }: NpyArray, out: Data, { size, source }: Order): void {
  for (let to = 0; to < out.length; to++) {
    const within = to % size;
    const value = data[source === null ? to : to - within + (source[within] ?? 0)] ?? 0;
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
      out[to] = BigInt(value);
      continue;
    }
    out[to] = Number(value);
    if (out[to] !== Number(value)) {
      throw new RangeError(`${value} does not fit the model's input type`);
    }
  }
}

function constantsFault(
  constants: { mean: readonly number[]; std: readonly number[] },
  channels: number,
): Fault | null {
  for (const [name, values] of Object.entries(constants)) {
    if (values.length !== 1 && values.length !== channels) {
      return { expected: `${name} of length 1 or ${channels}`, got: `length ${values.length}` };
    }
  }
  return constants.std.includes(0) ? { expected: 'std other than 0', got: '0' } : null;
}

function typesFault({ from, to }: { from: StorableType; to: StorableType }): Fault | null {
  if (from === to || floats.includes(to)) return null;
  if (floats.includes(from)) return { expected: `integers for an input of type ${to}`, got: from };
  return null;
}
