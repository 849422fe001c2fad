/** The part of a model that makes some values, to be run by itself. */

import { openSession } from '../../evaluate/runtime.ts';
import type { Tensors } from '../../evaluate/tensor.ts';
import { feeds, type Model } from '../../onnx/graph.ts';
import { writeModel } from '../../onnx/write.ts';
import { own } from '../../own.ts';
import { pieceModel, pieceOf } from './pieces.ts';

export interface Prefix {
  /** The values by name, with what was fed. */
  run(inputs: Readonly<Tensors>): Promise<Tensors>;
  release(): Promise<void>;
}

export async function openPrefix(
  model: Model,
  values: readonly string[],
  threads: number,
): Promise<Prefix> {
  const fed = new Map(feeds(model.graph).map((input) => [input.name, input]));
  const made = [...new Set(values)].filter((value) => !fed.has(value));
  if (made.length === 0) return { run: async (inputs) => ({ ...inputs }), release: async () => {} };
  const piece = pieceOf(model.graph, made, new Set());
  const part = pieceModel(model, piece, { outputs: made, like: {} });
  part.graph.inputs = part.graph.inputs.map((input) => fed.get(input.name) ?? input);
  const session = await openSession(writeModel(part), { threads, spinning: false });
  return {
    async run(inputs) {
      const wanted = piece.inputs.flatMap((name) => {
        const tensor = own(inputs, name);
        return tensor ? [[name, tensor] as const] : [];
      });
      return { ...inputs, ...(await session.run(Object.fromEntries(wanted))) };
    },
    release: () => session.release(),
  };
}
