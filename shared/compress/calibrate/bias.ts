/**
 * Bias correction: rounding weights and activations shifts the mean of each output channel; what
 * it shifts is taken from the bias (Nagel et al., "Data-Free Quantization Through Weight
 * Equalization and Bias Correction", ICCV 2019, §4.2, in its empirical form). Layer by layer in
 * topological order, each fed by the corrected layers before it: all at once diverges.
 */
import { batches, type DataSet } from '../../evaluate/dataset.ts';
import { openSession } from '../../evaluate/runtime.ts';
import type { RuntimeTensor, Tensors } from '../../evaluate/tensor.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import { orderNodes } from '../../onnx/order.ts';
import { writeModel } from '../../onnx/write.ts';
import type { Progress } from '../../variants.ts';
import { makeNode } from '../attributes.ts';
import { clamp, roundToEven } from '../quantize/numbers.ts';
import { floatsOf, int32Tensor, integersOf } from '../tensors.ts';
import { type Piece, pieceModel, pieceOf } from './pieces.ts';

export interface BiasOptions {
  readonly dataSet: DataSet;
  readonly limit: number;
  /** Mean of each output channel of the float model, by layer name. */
  readonly means: ReadonlyMap<string, Float64Array>;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A layer to correct within the quantized graph. */
interface Step {
  readonly node: Node;
  /** The layer's quantized input: the output of a QuantizeLinear. */
  readonly input: string;
  /** Makes `input` from what is stored. */
  readonly before: Piece;
}

/**
 * What to add to the bias of each layer, by layer name. `quantized` holds a bias for every layer
 * in `means`; its biases are corrected in place on the way.
 */
export async function correctBiases(
  quantized: Model,
  options: BiasOptions,
): Promise<Record<string, number[]>> {
  const steps = stepsOf(quantized.graph, options.means);
  const lastUse = lastUses(steps);
  const stored = new Map<string, RuntimeTensor[]>();
  const corrections: Record<string, number[]> = {};
  for (const [at, step] of steps.entries()) {
    options.signal.throwIfAborted();
    if (!stored.has(step.input)) {
      stored.set(step.input, await runBefore(quantized, step, { stored, options }));
    }
    const shifted = await meansBehind(quantized, step, { stored, options });
    const wanted = options.means.get(step.node.name);
    if (wanted && shifted) {
      const added = Array.from(wanted, (mean, c) => mean - (shifted[c] ?? 0));
      if (added.every(Number.isFinite)) {
        corrections[step.node.name] = added;
        addToBias(quantized.graph, step.node, added);
      }
    }
    for (const value of [...stored.keys()])
      if ((lastUse.get(value) ?? 0) <= at) stored.delete(value);
    options.onProgress?.({
      what: 'correcting biases',
      done: at + 1,
      total: steps.length,
      unit: 'layers',
    });
  }
  return corrections;
}

function stepsOf(graph: Graph, means: ReadonlyMap<string, Float64Array>): Step[] {
  const order = orderNodes(graph.nodes);
  const nodes = 'nodes' in order ? order.nodes : graph.nodes;
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const available = new Set<string>();
  const steps: Step[] = [];
  for (const node of nodes) {
    const input = quantizedInput(node, makers);
    if (!means.has(node.name) || input === undefined) continue;
    steps.push({ node, input, before: pieceOf(graph, [input], available) });
    available.add(input);
  }
  return steps;
}

/** What lies before the DequantizeLinear that the node reads. */
function quantizedInput(node: Node, makers: ReadonlyMap<string, Node>): string | undefined {
  let reader = makers.get(node.inputs[0] ?? '');
  if (reader?.op !== 'DequantizeLinear') return undefined;
  reader = makers.get(reader.inputs[0] ?? '');
  return reader?.op === 'QuantizeLinear' ? reader.outputs[0] : undefined;
}

/** The step after which a stored value is not needed any more. */
function lastUses(steps: readonly Step[]): Map<string, number> {
  const last = new Map<string, number>();
  steps.forEach(({ input, before }, at) => {
    for (const value of [input, ...before.inputs]) last.set(value, at);
  });
  return last;
}

interface Run {
  readonly stored: ReadonlyMap<string, RuntimeTensor[]>;
  readonly options: BiasOptions;
}

async function runBefore(model: Model, step: Step, run: Run): Promise<RuntimeTensor[]> {
  const results: RuntimeTensor[] = [];
  await runPiece(run, { model, piece: step.before, outputs: [step.input] }, (tensors) => {
    const tensor = tensors[step.input];
    if (tensor) results.push(tensor);
  });
  return results;
}

/** The mean of each output channel of the layer as it is now. */
async function meansBehind(model: Model, step: Step, run: Run): Promise<Float64Array | undefined> {
  const { node } = step;
  const raw = node.outputs[0] ?? '';
  const piece = pieceOf(model.graph, [raw], new Set([step.input]));
  const name = `${raw}::mean`;
  const op = node.op === 'Conv' ? 'GlobalAveragePool' : 'Identity';
  const nodes = [...piece.nodes, makeNode(op, name, { inputs: [raw], outputs: [name] })];
  let sums: Float64Array | undefined;
  let count = 0;
  await runPiece(run, { model, piece: { ...piece, nodes }, outputs: [name] }, (tensors) => {
    const tensor = tensors[name];
    if (!(tensor?.data instanceof Float32Array)) return;
    const channels = tensor.dims[1] ?? 1;
    sums ??= new Float64Array(channels);
    for (const [at, mean] of tensor.data.entries()) {
      sums[at % channels] = (sums[at % channels] ?? 0) + mean;
    }
    count += tensor.data.length / channels;
  });
  return sums?.map((sum) => sum / count);
}

/**
 * Runs the piece once per batch, fed with stored tensors or, where it needs them, the model's
 * inputs.
 */
async function runPiece(
  { stored, options }: Run,
  what: { model: Model; piece: Piece; outputs: readonly string[] },
  take: (tensors: Tensors) => void,
): Promise<void> {
  const { model, piece, outputs } = what;
  const fromStore = piece.inputs.every((input) => stored.has(input));
  const like = Object.fromEntries(
    piece.inputs.flatMap((input) => {
      const first = stored.get(input)?.[0];
      return first ? [[input, first] as const] : [];
    }),
  );
  const bytes = writeModel(pieceModel(model, piece, { outputs, like }));
  const session = await openSession(bytes, { threads: options.threads });
  try {
    if (fromStore) {
      const count = Math.min(...piece.inputs.map((input) => stored.get(input)?.length ?? 0));
      for (let at = 0; at < count; at += 1) {
        take(await session.run(feedsAt(piece, stored, { at, inputs: {} })));
      }
      return;
    }
    let at = 0;
    for await (const batch of batches(options.dataSet, { limit: options.limit })) {
      options.signal.throwIfAborted();
      take(await session.run(feedsAt(piece, stored, { at, inputs: batch.feeds })));
      at += 1;
    }
  } finally {
    await session.release();
  }
}

function feedsAt(
  piece: Piece,
  stored: ReadonlyMap<string, RuntimeTensor[]>,
  { at, inputs }: { at: number; inputs: Readonly<Tensors> },
): Tensors {
  const feeds: Tensors = {};
  for (const name of piece.inputs) {
    const tensor = stored.get(name)?.[at] ?? inputs[name];
    if (tensor) feeds[name] = tensor;
  }
  return feeds;
}

function addToBias(graph: Graph, node: Node, added: readonly number[]): void {
  const dequantize = graph.nodes.find((other) => other.outputs[0] === node.inputs[2]);
  const [integersName = '', scalesName = ''] = dequantize?.inputs ?? [];
  const integers = integersOf(graph.initializers.get(integersName));
  const scales = floatsOf(graph.initializers.get(scalesName));
  if (!integers || !scales) return;
  const corrected = integers.map((q, c) =>
    clamp(roundToEven(q + (added[c] ?? 0) / (scales[c] ?? 1)), -(2 ** 31), 2 ** 31 - 1),
  );
  graph.initializers.set(integersName, int32Tensor([corrected.length], corrected));
}
