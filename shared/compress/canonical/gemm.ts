import { floatOf, intOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { float, int, makeNode } from '../attributes.ts';
import { floatsOf, floatTensor, int64Tensor } from '../tensors.ts';
import { rowOf } from './affine.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/** Writes MatMul and the Add of a bias as one Gemm, with the weights as [outputs, inputs]. */
export const gemm: Rewrite = {
  name: 'gemm',
  reason: 'a matrix product with its bias is one layer',
  apply(context) {
    return fuseMatMuls(context) + plainGemms(context) + convsOnPoints(context);
  },
};

function fuseMatMuls(context: RewriteContext): number {
  const { rewriter } = context;
  let count = 0;
  for (const node of nodesOf(context, 'MatMul')) {
    const weight = rewriter.constant(node.inputs[1]);
    if (weight?.type !== 'float' || weight.dims.length !== 2) continue;
    if (context.shape(node.inputs[0])?.length !== 2) continue;
    const add = rewriter.onlyConsumer(node.outputs[0] ?? '');
    const bias =
      add?.op === 'Add' && add.domain === ''
        ? biasFor(add, { product: node, channels: weight.dims[1] ?? 0 }, context)
        : undefined;
    node.op = 'Gemm';
    setPlain(node, 0);
    if (bias && add) {
      rewriter.setInput(node, 2, bias);
      if (!rewriter.bypass(add, node.outputs[0] ?? '')) continue;
    }
    count += 1;
  }
  return count;
}

/** The Add's other operand as a bias of one float per output, flattened. */
function biasFor(
  add: Node,
  { product, channels }: { product: Node; channels: number },
  { rewriter }: RewriteContext,
): string | undefined {
  const name = add.inputs.find((input) => input !== product.outputs[0]);
  const tensor = rewriter.constant(name);
  const values = tensor?.type === 'float' ? rowOf(tensor, channels) : undefined;
  return values && rewriter.addConstant(`${product.name}.bias`, floatTensor([channels], values));
}

/**
 * Merges alpha and beta into constants, transposes weights to [outputs, inputs], flattens biases.
 */
function plainGemms(context: RewriteContext): number {
  const { rewriter } = context;
  let count = 0;
  for (const node of nodesOf(context, 'Gemm')) {
    const weight = rewriter.constant(node.inputs[1]);
    const weights = floatsOf(weight);
    if (weight?.type !== 'float' || !weights || intOf(node, 'transA', 0) === 1) continue;
    const [alpha, beta] = [floatOf(node, 'alpha', 1), floatOf(node, 'beta', 1)];
    const transposed = intOf(node, 'transB', 0) === 1;
    const [rows = 0, columns = 0] = weight.dims;
    const outputs = transposed ? rows : columns;
    const inputs = transposed ? columns : rows;
    const apart = biasApart(node, { outputs, beta }, context);
    const bias = rewriter.constant(node.inputs[2]);
    const biases = bias?.type === 'float' ? rowOf(bias, outputs) : undefined;
    const flat = !node.inputs[2] || bias?.dims.join() === `${outputs}`;
    if (alpha === 1 && beta === 1 && transposed && flat) {
      count += apart;
      continue;
    }
    if (node.inputs[2] && !biases) continue;
    const values = Float64Array.from(weights, (_, at) => {
      const [o, i] = [Math.floor(at / inputs), at % inputs];
      return alpha * (weights[transposed ? at : i * outputs + o] ?? 0);
    });
    const name = rewriter.addConstant(
      `${node.name}.weight`,
      floatTensor([outputs, inputs], values),
    );
    rewriter.setInput(node, 1, name);
    if (biases) {
      const scaled = biases.map((value) => beta * value);
      const biasName = rewriter.addConstant(`${node.name}.bias`, floatTensor([outputs], scaled));
      rewriter.setInput(node, 2, biasName);
    }
    setPlain(node, 1);
    count += 1;
  }
  return count;
}

/**
 * A constant bias that differs from row to row (C broadcasts to [M, N], Gemm-13) is added after the
 * product; 1 where there was one.
 */
function biasApart(
  node: Node,
  { outputs, beta }: { outputs: number; beta: number },
  { rewriter }: RewriteContext,
): number {
  const bias = rewriter.constant(node.inputs[2]);
  const values = bias?.type === 'float' ? floatsOf(bias) : undefined;
  if (!bias || !values || rowOf(bias, outputs)) return 0;
  const [output = ''] = node.outputs;
  const product = rewriter.fresh(`${output}.product`);
  const scaled = floatTensor(
    bias.dims,
    values.map((value) => beta * value),
  );
  const added = makeNode('Add', rewriter.fresh(`${node.name}.add`), {
    inputs: [product, rewriter.addConstant(`${node.name}.bias`, scaled)],
    outputs: [output],
  });
  rewriter.setInput(node, 2, '');
  node.inputs.length = 2;
  rewriter.setOutput(node, 0, product);
  rewriter.insertAfter(node, added);
  return 1;
}

/**
 * A 1×1 Conv on a 1×1 map is a matrix product: as Gemm it needs no rounding of its result to
 * 8 bits, which a classifier's last layer would lose its order by.
 */
function convsOnPoints(context: RewriteContext): number {
  const { rewriter, shape } = context;
  let count = 0;
  for (const node of nodesOf(context, 'Conv')) {
    const weight = rewriter.constant(node.inputs[1]);
    const input = shape(node.inputs[0]);
    const weights = floatsOf(weight);
    if (weight?.type !== 'float' || !weights || weight.dims.length !== 4) continue;
    if (weight.dims[2] !== 1 || weight.dims[3] !== 1 || intOf(node, 'group', 1) !== 1) continue;
    if (input?.length !== 4 || input[2] !== 1 || input[3] !== 1) continue;
    if (node.attributes.get('pads')?.kind === 'ints' && isPaddedBy(node)) continue;
    const [outputs = 0, inputs = 0] = weight.dims;
    const [data = ''] = node.inputs;
    const [result = ''] = node.outputs;
    const flat = rewriter.fresh(`${data}.flat`);
    const product = rewriter.fresh(`${result}.flat`);
    const flatten = makeNode('Flatten', rewriter.fresh(`${node.name}.flatten`), {
      inputs: [data],
      outputs: [flat],
      attributes: { axis: int(1) },
    });
    const shapeName = rewriter.addConstant(
      `${node.name}.shape`,
      int64Tensor([4], [0, outputs, 1, 1]),
    );
    const reshape = makeNode('Reshape', rewriter.fresh(`${node.name}.reshape`), {
      inputs: [product, shapeName],
      outputs: [result],
    });
    rewriter.insertBefore(node, flatten);
    node.op = 'Gemm';
    rewriter.setInput(node, 0, flat);
    const name = rewriter.addConstant(
      `${node.name}.weight`,
      floatTensor([outputs, inputs], weights),
    );
    rewriter.setInput(node, 1, name);
    rewriter.setOutput(node, 0, product);
    rewriter.insertAfter(node, reshape);
    setPlain(node, 1);
    count += 1;
  }
  return count;
}

function isPaddedBy(node: Node): boolean {
  const pads = node.attributes.get('pads');
  return pads?.kind === 'ints' && pads.value.some((pad) => Number(pad) !== 0);
}

function setPlain(node: Node, transB: 0 | 1): void {
  node.attributes.clear();
  node.attributes.set('alpha', float(1));
  node.attributes.set('beta', float(1));
  node.attributes.set('transB', int(transB));
}
