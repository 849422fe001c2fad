/** What the runtime refuses, as one typed line. */
import { FettleError, reasonOf } from '../errors.ts';
import type { TensorInfo } from '../protocol/fields.ts';

/** Throws `MODEL_UNRUNNABLE` with the runtime's reason. */
export async function orUnrunnable<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw unrunnable(path, shortReason(thrown), thrown);
  }
}

export function unrunnable(path: string, reason: string, cause?: unknown): FettleError {
  return new FettleError('MODEL_UNRUNNABLE', { path, reason }, { cause });
}

/** The binding ends the whole process where it is to hand out values of 4 bits; else null. */
export function refusalOfOutputs(outputs: readonly TensorInfo[]): string | null {
  const narrow = outputs.find(({ type }) => type === 'int4' || type === 'uint4');
  if (!narrow) return null;
  return `its output ${narrow.name} is ${narrow.type}, which the runtime cannot hand out`;
}

/** Of a model that gives nothing but sequences and maps; else null. */
export function refusalOfSequences(
  outputs: readonly { readonly name: string; readonly isTensor: boolean }[],
): string | null {
  const [first] = outputs;
  if (first === undefined || outputs.some(({ isTensor }) => isTensor)) return null;
  return (
    `its output ${first.name} is a sequence or a map, and the binding of the runtime hands over ` +
    'tensors only: make the tensors inside it outputs'
  );
}

/** The first line without the path said already and the runtime's own source locations. */
function shortReason(thrown: unknown): string {
  const line = reasonOf(thrown)
    .replace(/^Load model from .* failed:/, '')
    .replace(/\/onnxruntime_src\S*\s*/g, '')
    .replace(/^.*onnxruntime::.*?\)\s+(?=[A-Z])/, '')
    .trim();
  return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}
