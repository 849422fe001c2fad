/**
 * Inference requests of the Open Inference Protocol, version 2, with the binary tensor data
 * extension (Triton, `extension_binary_data.md`): tensors in JSON, or as raw bytes behind the JSON.
 * Pure.
 */
import * as v from 'valibot';
import { elementsOf, type RuntimeTensor, type Tensors } from '../../../shared/evaluate/tensor.ts';
import { faultOf } from '../../../shared/issues.ts';
import { tensorFromBytes, textsFromBytes } from './binary.ts';
import { isNumeric } from './datatypes.ts';
import { axesMax, tensorFromJson } from './json.ts';
import { wrong } from './wrong.ts';

const tensorsMax = 256;
const elementsMax = 1 << 28;

const Dims = v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.maxLength(axesMax));
const InputTensor = v.looseObject({
  name: v.string(),
  shape: Dims,
  datatype: v.string(),
  parameters: v.optional(
    v.looseObject({
      binary_data_size: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    }),
  ),
  data: v.optional(v.unknown()),
});
const OutputTensor = v.looseObject({
  name: v.string(),
  parameters: v.optional(v.looseObject({ binary_data: v.optional(v.boolean()) })),
});
const InferBody = v.looseObject({
  id: v.optional(v.string()),
  parameters: v.optional(v.looseObject({ binary_data_output: v.optional(v.boolean()) })),
  inputs: v.pipe(v.array(InputTensor), v.maxLength(tensorsMax)),
  outputs: v.optional(v.pipe(v.array(OutputTensor), v.maxLength(tensorsMax))),
});

export interface InferenceRequest {
  readonly id: string | null;
  readonly inputs: Tensors;
  /** What is asked for, in this order; null is every output. */
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[] | null;
  /** Whether outputs that are not named go as raw bytes. */
  readonly binary: boolean;
}

/**
 * A request from its document and the bytes behind it. The tensors are views of those bytes
 * wherever they lie aligned. Throws `BAD_ARGUMENT`.
 */
export function readRequest(document: unknown, tail: Uint8Array<ArrayBuffer>): InferenceRequest {
  const result = v.safeParse(InferBody, document);
  if (!result.success) {
    const { path, expected, got } = faultOf(InferBody, result.issues);
    throw wrong(path || 'request', expected, got);
  }
  const { id, inputs, outputs, parameters } = result.output;
  const binary = parameters?.binary_data_output ?? false;
  const tensors = new Map<string, RuntimeTensor>();
  let at = 0;
  for (const input of inputs) {
    const size = input.parameters?.binary_data_size ?? null;
    if (tensors.has(input.name)) throw wrong('inputs', 'each name once', `${input.name} twice`);
    const bytes = size === null ? null : tail.subarray(at, at + size);
    tensors.set(input.name, readTensor(input, bytes));
    at += size ?? 0;
  }
  if (at !== tail.length) {
    throw wrong('bytes behind the JSON', `${at}, the sum of binary_data_size`, tail.length);
  }
  return {
    id: id ?? null,
    inputs: Object.fromEntries(tensors),
    outputs:
      outputs?.map(({ name, parameters: own }) => ({ name, binary: own?.binary_data ?? binary })) ??
      null,
    binary,
  };
}

function readTensor(
  { name, shape, datatype, parameters, data }: v.InferOutput<typeof InputTensor>,
  bytes: Uint8Array<ArrayBuffer> | null,
): RuntimeTensor {
  const what = `input ${name}`;
  const count = elementsOf(shape);
  if (count > elementsMax) throw wrong(what, `at most ${elementsMax} elements`, count);
  if (bytes !== null && bytes.length !== parameters?.binary_data_size) {
    const expected = `${parameters?.binary_data_size} bytes behind the JSON`;
    throw wrong(what, expected, `${bytes.length} left`);
  }
  if (isNumeric(datatype)) {
    const wanted = { what, datatype, shape, count };
    return bytes === null ? tensorFromJson(wanted, data) : tensorFromBytes(wanted, bytes);
  }
  if (datatype !== 'BYTES') throw wrong(what, 'a datatype of the protocol, FP32 say', datatype);
  const texts = bytes === null ? textsFromJson(what, data) : textsFromBytes(what, bytes);
  if (texts.length !== count) throw wrong(what, `${count} elements`, texts.length);
  return { type: 'string', dims: shape, data: texts };
}

function textsFromJson(what: string, data: unknown): string[] {
  const flat = Array.isArray(data) ? data.flat(axesMax) : [];
  return flat.map((one: unknown) => {
    if (typeof one !== 'string') throw wrong(what, 'strings', typeof one);
    return one;
  });
}
