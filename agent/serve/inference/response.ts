/**
 * Inference answers of the Open Inference Protocol, version 2: JSON, and raw bytes behind it where
 * asked for. Pure.
 */
import { numbersOf, type RuntimeTensor, type Tensors } from '../../../shared/evaluate/tensor.ts';
import { own } from '../../../shared/own.ts';
import { bytesOf } from './binary.ts';
import { datatypeOf } from './datatypes.ts';
import type { InferenceRequest } from './request.ts';
import { wrong } from './wrong.ts';

export interface InferenceAnswer {
  readonly json: string;
  /** Raw tensors that belong behind the JSON; empty where there are none. */
  readonly tail: readonly Uint8Array[];
}

export interface Answered {
  readonly model: string;
  readonly version: number;
  readonly outputs: Tensors;
}

/**
 * Throws `BAD_ARGUMENT` where an output is asked for that the model doesn't have, and where one is
 * asked for in JSON, which has no NaN and no infinity, and holds one.
 */
export function writeAnswer(request: InferenceRequest, answered: Answered): InferenceAnswer {
  const { outputs } = answered;
  const wanted =
    request.outputs ?? Object.keys(outputs).map((name) => ({ name, binary: request.binary }));
  const tail: Uint8Array[] = [];
  const texts = wanted.map(({ name, binary }) => {
    const tensor = own(outputs, name);
    if (!tensor) throw wrong('outputs', Object.keys(outputs).join(', '), name);
    const datatype = datatypeOf(tensor.type);
    const head = `"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${tensor.dims}]`;
    if (!binary) return `{${head},"data":${jsonOf(name, tensor)}}`;
    const bytes = bytesOf(tensor);
    tail.push(bytes);
    return `{${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const members = [
    `"model_name":${JSON.stringify(answered.model)}`,
    `"model_version":"${answered.version}"`,
    ...(request.id === null ? [] : [`"id":${JSON.stringify(request.id)}`]),
    `"outputs":[${texts.join(',')}]`,
  ];
  return { json: `{${members.join(',')}}`, tail };
}

function jsonOf(name: string, tensor: RuntimeTensor): string {
  const { data, type } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return `[${data.join(',')}]`;
  if (Array.isArray(data)) return JSON.stringify(data);
  if (type === 'bool') return JSON.stringify(Array.from(data, Boolean));
  const numbers = Array.from(numbersOf(tensor));
  const at = numbers.findIndex((one) => !Number.isFinite(one));
  if (at >= 0) throw wrong(`output ${name}`, inBinary, `${numbers[at]} as element ${at}`);
  return JSON.stringify(numbers);
}

const inBinary = 'finite numbers, or to be asked for in binary (binary_data)';
