/**
 * Weights of layers for which the runtime has no integer kernel: they compute in float, and their
 * weights are stored in 8 bits with a scale for each output channel, or in float16. A Cast and a
 * Mul make floats of them, which the runtime folds when it loads the model: speed and memory are
 * those of float. Bits below 8 are not fitted for such layers, which get 8.
 */
import { toFloat16 } from '../evaluate/tensor.ts';
import type { Model, Node, Tensor } from '../onnx/graph.ts';
import { channelAxes, weightsOf } from '../onnx/layers.ts';
import { int } from './attributes.ts';
import { storable } from './blockwise/blocks.ts';
import { contextOf } from './canonical/context.ts';
import { dead } from './canonical/dead.ts';
import { add, scalesOf } from './narrow/unpack.ts';
import { clamp, roundToEven } from './quantize/numbers.ts';
import { whyNoKernel } from './quantize/roles.ts';
import type { BitWidth } from './recipe.ts';
import type { LayerReport } from './report.ts';
import { type Rewriter, rewriterOf } from './rewriter.ts';
import { floatsOf, int8Tensor } from './tensors.ts';

export interface StoreOptions {
  /** Of the layers that other parts of the build took care of. */
  readonly layers: readonly LayerReport[];
  /** What the recipe gives a layer. */
  bitsOf(layer: string): BitWidth;
}

/** Edits the model in place. Every layer with its report, in the order of the graph. */
export function storeWeights(model: Model, options: StoreOptions): readonly LayerReport[] {
  const rewriter = rewriterOf(model.graph);
  const known = new Map(options.layers.map((layer) => [layer.name, layer]));
  const stored = new Map<string, string>();
  const shared = new Map<string, string>();
  const layers: LayerReport[] = [];
  for (const node of [...model.graph.nodes]) {
    const own = known.get(node.name);
    const inputs = weightsOf(node, rewriter.constant);
    if (inputs.length === 0 || own?.compute === 'integer' || (own && own.bits < 32)) {
      if (own) layers.push(own);
      continue;
    }
    const bits = options.bitsOf(node.name);
    layers.push(storeLayer(node, { own, inputs, bits, stored, shared, rewriter }));
  }
  if (stored.size > 0) dead.apply(contextOf(model));
  return layers;
}

/** Whether the recipe's bits can take bytes from layers that cannot compute in integers. */
export function storesAny({ graph }: Model): boolean {
  const rewriter = rewriterOf(graph);
  return graph.nodes.some(
    (node) =>
      weightsOf(node, rewriter.constant).length > 0 && whyNoKernel(node, rewriter) !== undefined,
  );
}

interface Storing {
  readonly own: LayerReport | undefined;
  readonly inputs: readonly number[];
  readonly bits: BitWidth;
  /** By what was stored: the float value made of it. */
  readonly stored: Map<string, string>;
  /** Small constants that several of them use. */
  readonly shared: Map<string, string>;
  readonly rewriter: Rewriter;
}

function storeLayer(node: Node, storing: Storing): LayerReport {
  const { own, inputs, bits, rewriter } = storing;
  const { name, op } = node;
  const float = { name, op, bits: 32, compute: 'float' } as const;
  if (bits === 32) return own ?? { ...float, reason: 'the recipe keeps it in float' };
  const reason = whyNoKernel(node, rewriter);
  // It could compute in integers, and something else decided that it should not.
  if (reason === undefined) return own ?? { ...float, reason: 'nothing asked for it' };
  const forms = inputs.map((at) => formOf(node, at, storing));
  const refused = forms.find((form) => typeof form === 'string');
  if (refused !== undefined) return { ...float, reason: `${reason}; ${refused}` };
  inputs.forEach((at, i) => {
    const form = forms[i];
    if (form && typeof form !== 'string') use(node, { at, form }, storing);
  });
  return {
    ...{ name, op, bits: bits === 16 ? 16 : 8, compute: 'float', saves: ['bytes'] },
    reason: `${reason}; stored narrow, unpacked to float when the model is loaded`,
  };
}

/** A constant in few bits, and what its floats are multiplied with. */
interface Form {
  readonly key: string;
  readonly narrow: Tensor;
  readonly scales: { readonly dims: readonly number[]; readonly values: Float64Array } | undefined;
}

/** What the nodes and names of a stored constant take in the file. */
const nodeBytes = 120;

/** Why the constant is left as it is, where it is. */
function formOf(node: Node, at: number, { bits, rewriter }: Storing): Form | string {
  const tensor = rewriter.constant(node.inputs[at]);
  const values = floatsOf(tensor);
  if (!tensor || !values?.every(Number.isFinite)) return 'some of its weights are not finite';
  const { dims } = tensor;
  const axes = channelAxes(node, at, dims.length);
  const form = bits === 16 ? half(dims, values) : bytes(dims, values, axes);
  if (form === undefined) return 'its largest weight is beyond float16';
  const size = form.narrow.bytes.length + 4 * (form.scales?.values.length ?? 0) + nodeBytes;
  if (size >= tensor.bytes.length) return 'too small to save bytes';
  return { ...form, key: `${node.inputs[at]} ${bits} ${[...axes]}` };
}

/** From here on float16 rounds to infinity. */
const halfMax = 65520;

function half(dims: readonly number[], values: Float64Array): Omit<Form, 'key'> | undefined {
  if (values.some((value) => Math.abs(value) >= halfMax)) return undefined;
  const { buffer } = Uint16Array.from(values, toFloat16);
  return { narrow: { type: 'float16', dims, bytes: new Uint8Array(buffer) }, scales: undefined };
}

/** Symmetric, as weights are for kernels: scale = peak / 127 along the axes that have their own. */
function bytes(
  dims: readonly number[],
  values: Float64Array,
  axes: ReadonlySet<number>,
): Omit<Form, 'key'> {
  const scaleDims = dims.map((dim, axis) => (axes.has(axis) ? dim : 1));
  const place = placer(dims, axes);
  const peaks = new Float64Array(scaleDims.reduce((product, dim) => product * dim, 1));
  values.forEach((value, i) => {
    const at = place(i);
    peaks[at] = Math.max(peaks[at] ?? 0, Math.abs(value));
  });
  const scales = peaks.map((peak) => storable(Math.max(peak / 127, smallestScale)));
  const integers = Int8Array.from(values, (value, i) =>
    clamp(roundToEven(value / (scales[place(i)] ?? 1)), -127, 127),
  );
  return { narrow: int8Tensor(dims, integers), scales: { dims: scaleDims, values: scales } };
}

/** A channel of nothing but zeros still needs a scale. */
const smallestScale = 2 ** -100;

/** Which scale belongs to element i. */
function placer(dims: readonly number[], axes: ReadonlySet<number>): (i: number) => number {
  const strides = new Array<number>(dims.length).fill(0);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    if (!axes.has(axis)) continue;
    strides[axis] = stride;
    stride *= dims[axis] ?? 1;
  }
  return (i) => {
    let [rest, at] = [i, 0];
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      const dim = dims[axis] ?? 1;
      at += (rest % dim) * (strides[axis] ?? 0);
      rest = Math.floor(rest / dim);
    }
    return at;
  };
}

const floatCode = 1;

/** The node reads what is made of the stored constant; names are short, as in `unpack.ts`. */
function use(
  node: Node,
  { at, form }: { at: number; form: Form },
  { stored, shared, rewriter }: Storing,
): void {
  const known = stored.get(form.key);
  if (known !== undefined) {
    rewriter.setInput(node, at, known);
    return;
  }
  const unpacker = { rewriter, before: node, shared };
  const cast = add(
    {
      op: 'Cast',
      inputs: [rewriter.addConstant('u', form.narrow)],
      attributes: { to: int(floatCode) },
    },
    unpacker,
  );
  const { scales } = form;
  const made =
    scales === undefined
      ? cast
      : add(
          { op: 'Mul', inputs: [cast, scalesOf(scales.values, scales.dims, unpacker)] },
          unpacker,
        );
  stored.set(form.key, made);
  rewriter.setInput(node, at, made);
}
