/**
 * Bias correction: rounding weights and activations shifts the mean of each output channel; what
 * it shifts is taken from the bias (Nagel et al., "Data-Free Quantization Through Weight
 * Equalization and Bias Correction", ICCV 2019, §4.2, in its empirical form). Layer by layer in
 * topological order, each fed by the corrected layers before it: all at once diverges.
 *
 * Statistics correction matches the standard deviation too: y' = (y − μ)·σ₀/σ + μ₀ (Frantar,
 * Singh and Alistarh, "Optimal Brain Compression", NeurIPS 2022, appendix), which the scales of the
 * weights take up: their integers stay.
 */

import { batches, type DataSet } from '../../evaluate/dataset.ts';
import { openExact } from '../../evaluate/exact.ts';
import type { Selection } from '../../evaluate/selection.ts';
import type { RuntimeTensor, Tensors } from '../../evaluate/tensor.ts';
import type { Graph, Model, Node } from '../../onnx/graph.ts';
import { orderNodes } from '../../onnx/order.ts';
import { writeModel } from '../../onnx/write.ts';
import { emptyTable, own as entryOf } from '../../own.ts';
import type { Progress } from '../../variants.ts';
import { clamp, roundToEven } from '../quantize/numbers.ts';
import { floatsOf, floatTensor, int32Tensor, integersOf } from '../tensors.ts';
import { addMeans, averageOf, averaging, meanName, squareName } from './observe.ts';
import { type Piece, pieceModel, pieceOf } from './pieces.ts';

export interface BiasOptions extends Selection {
  readonly dataSet: DataSet;
  /** Mean of each output channel of the float model, by layer name. */
  readonly means: ReadonlyMap<string, Float64Array>;
  /** Mean of squares likewise, where the deviation is matched too. */
  readonly squares?: ReadonlyMap<string, Float64Array> | undefined;
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

/** By layer name: each output channel is multiplied first, then shifted. */
export interface Corrected {
  readonly biases: Record<string, number[]>;
  readonly gains: Record<string, number[]>;
}

/**
 * What to add to the bias of each layer, and what to multiply it and the weights with before.
 * `quantized` holds a bias for every layer in `means`; it is corrected in place on the way.
 */
export async function correctBiases(quantized: Model, options: BiasOptions): Promise<Corrected> {
  const steps = stepsOf(quantized.graph, options.means);
  const lastUse = lastUses(steps);
  const stored = new Map<string, RuntimeTensor[]>();
  const corrected: Corrected = { biases: emptyTable(), gains: emptyTable() };
  for (const [at, step] of steps.entries()) {
    options.signal.throwIfAborted();
    if (!stored.has(step.input)) {
      stored.set(step.input, await runBefore(quantized, step, { stored, options }));
    }
    const own = correctionOf(step.node.name, {
      got: await momentsBehind(quantized, step, { stored, options }),
      options,
    });
    if (own) {
      corrected.biases[step.node.name] = own.added;
      if (options.squares) corrected.gains[step.node.name] = own.gains;
      applyTo(quantized.graph, step.node, own);
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
  return corrected;
}

interface Moments {
  readonly means: Float64Array;
  readonly squares: Float64Array;
}

interface Correction {
  readonly added: number[];
  readonly gains: number[];
}

function correctionOf(
  layer: string,
  { got, options }: { got: Moments | undefined; options: BiasOptions },
): Correction | undefined {
  const wanted = options.means.get(layer);
  if (!wanted || !got) return undefined;
  const squares = options.squares?.get(layer);
  const gains = Array.from(wanted, (mean, c) => {
    if (!squares) return 1;
    const own = (squares[c] ?? 0) - mean * mean;
    const ratio = Math.sqrt(own / ((got.squares[c] ?? 0) - (got.means[c] ?? 0) ** 2));
    return Math.fround(ratio > 1 / largestRatio && ratio < largestRatio ? ratio : 1);
  });
  const added = Array.from(wanted, (mean, c) => mean - (gains[c] ?? 1) * (got.means[c] ?? 0));
  return added.every(Number.isFinite) ? { added, gains } : undefined;
}

/** Deviations further apart are those of channels that hardly vary: rounding, not statistics. */
const largestRatio = 2;

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

/** The moments of each output channel of the layer as it is now. */
async function momentsBehind(model: Model, step: Step, run: Run): Promise<Moments | undefined> {
  const { node } = step;
  const raw = node.outputs[0] ?? '';
  const piece = pieceOf(model.graph, [raw], new Set([step.input]));
  const outputs = [meanName(raw), squareName(raw)];
  const nodes = [...piece.nodes, ...averaging(raw, node.op === 'Conv')];
  const sums = new Map<string, Float64Array>();
  await runPiece(run, { model, piece: { ...piece, nodes }, outputs }, (tensors) => {
    for (const name of outputs) addMeans(sums, name, tensors[name]);
  });
  const [means, squares] = outputs.map((name) => sums.get(name));
  return means && squares && { means: averageOf(means), squares: averageOf(squares) };
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
  const session = await openExact(bytes, { threads: options.threads });
  try {
    if (fromStore) {
      const count = Math.min(...piece.inputs.map((input) => stored.get(input)?.length ?? 0));
      for (let at = 0; at < count; at += 1) {
        take(await session.run(feedsAt(piece, stored, { at, inputs: {} })));
      }
      return;
    }
    let at = 0;
    for await (const batch of batches(options.dataSet, options)) {
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
  const feeds: Tensors = emptyTable();
  for (const name of piece.inputs) {
    const tensor = stored.get(name)?.[at] ?? entryOf(inputs, name);
    if (tensor) feeds[name] = tensor;
  }
  return feeds;
}

function applyTo(graph: Graph, node: Node, { added, gains }: Correction): void {
  const scaled = (input: string | undefined) => {
    const dequantize = graph.nodes.find((other) => other.outputs[0] === input);
    const [integers = '', name = ''] = dequantize?.inputs ?? [];
    const steps = floatsOf(graph.initializers.get(name))?.map((s, c) => s * (gains[c] ?? 1));
    if (steps) graph.initializers.set(name, floatTensor([steps.length], steps));
    return { integers, steps };
  };
  scaled(node.inputs[1]);
  const bias = scaled(node.inputs[2]);
  const integers = integersOf(graph.initializers.get(bias.integers));
  if (!integers || !bias.steps) return;
  const corrected = integers.map((q, c) =>
    clamp(roundToEven(q + (added[c] ?? 0) / (bias.steps?.[c] ?? 1)), -(2 ** 31), 2 ** 31 - 1),
  );
  graph.initializers.set(bias.integers, int32Tensor([corrected.length], corrected));
}
