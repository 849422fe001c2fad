/** `(x·scale − mean) / std`, element by element, from any stored type to any type a model wants. */
import type { InputPreparation } from './manifest.ts';
import type { NpyArray } from './npz.ts';
import { fromFloat16, type StorableType, toFloat16 } from './tensor.ts';

type Data = NpyArray['data'];

export interface Affine {
  /** Values stay as they are, so only their type may change. */
  readonly identity: boolean;
  /**
   * A function that converts the element at `from` of the rows into the one at `to` of the output.
   */
  open(rows: NpyArray, out: Data): (from: number, to: number, channel: number) => void;
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
  const apply = (x: number, channel: number): number =>
    (x * scale - (mean[channel % mean.length] ?? 0)) / (std[channel % std.length] ?? 1);
  return {
    identity,
    open: (rows, out) =>
      toFloat ? openFloat(rows, out, { apply, channels }) : openInteger(rows, out),
  };
}

type Apply = (x: number, channel: number) => number;

function openFloat(
  rows: NpyArray,
  out: Data,
  { apply, channels }: { apply: Apply; channels: number },
): ReturnType<Affine['open']> {
  const { data, type } = rows;
  if (out instanceof BigInt64Array || out instanceof BigUint64Array)
    throw new TypeError('no float');
  const half = out instanceof Uint16Array;
  const finish = (value: number): number => (half ? toFloat16(value) : value);
  if (data instanceof Uint8Array || data instanceof Int8Array) {
    // Only 256 values are possible: each is computed once a channel.
    const table = new Float64Array(256 * channels);
    for (let index = 0; index < table.length; index++) {
      const x = data instanceof Int8Array ? ((index & 255) << 24) >> 24 : index & 255;
      table[index] = finish(apply(x, index >> 8));
    }
    return (from, to, channel) => {
      out[to] = table[(channel << 8) | ((data[from] ?? 0) & 255)] ?? 0;
    };
  }
  const read = type === 'float16' ? fromFloat16 : Number;
  return (from, to, channel) => {
    out[to] = finish(apply(read(Number(data[from])), channel));
  };
}

/** Integers keep their value; one that the wanted type cannot hold is refused. */
function openInteger({ data }: NpyArray, out: Data): ReturnType<Affine['open']> {
  if (out instanceof BigInt64Array || out instanceof BigUint64Array) {
    return (from, to) => {
      out[to] = BigInt(data[from] ?? 0);
    };
  }
  return (from, to) => {
    const value = Number(data[from]);
    out[to] = value;
    if (out[to] !== value) throw new RangeError(`${value} does not fit the model's input type`);
  };
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
