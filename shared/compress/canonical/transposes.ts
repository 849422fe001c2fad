import { intsOf } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { int, ints, makeNode } from '../attributes.ts';
import { int64Tensor, integersOf } from '../tensors.ts';
import { transpose } from './layout.ts';
import { nodesOf, type Rewrite, type RewriteContext } from './rewrite.ts';

/** Operators that do the same to every element, wherever it lies. */
const elementwise = [
  'Relu', 'Clip', 'LeakyRelu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh', 'Elu', 'Selu',
  'Softplus', 'Erf', 'Exp', 'Log', 'Sqrt', 'Abs', 'Neg', 'Reciprocal', 'Floor', 'Ceil', 'Cast',
  'Identity', 'Dropout',
] as const; // biome-ignore format: a table reads better in few lines

const binary = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum', 'PRelu'] as const;

/**
 * Moves Transposes towards the outputs, past everything that does not care where an element lies,
 * until two meet and cancel: how a graph that was exported channels-last loses them all.
 * The canonicaliser keeps the result only where fewer Transposes are left than before.
 */
export const transposes: Rewrite = {
  name: 'transposes',
  reason: 'two Transposes that undo each other need not be there',
  apply(context) {
    let count = 0;
    for (const node of nodesOf(context, 'Transpose')) {
      if (context.rewriter.graph.nodes.includes(node)) count += sink(node, context);
    }
    return count;
  },
};

function sink(node: Node, context: RewriteContext): number {
  const { rewriter } = context;
  const perm = intsOf(node, 'perm');
  const [output = ''] = node.outputs;
  if (!perm || rewriter.pinned(output)) return 0;
  let count = 0;
  for (const user of [...rewriter.consumers(output)]) {
    if (user.domain !== '' || !rewriter.graph.nodes.includes(user)) continue;
    const moved =
      merge({ node, user, perm }, context) ||
      sinkThroughElementwise({ node, user, perm }, context) ||
      sinkThroughBinary(user, perm, context) ||
      sinkThroughAxes({ node, user, perm }, context);
    if (moved) count += 1;
  }
  if (rewriter.consumers(output).length === 0) rewriter.remove(node);
  return count;
}

/** A Transpose and a node that reads it. */
interface Move {
  readonly node: Node;
  readonly user: Node;
  readonly perm: readonly number[];
}

/** Two Transposes in a row are one. */
function merge({ node, user, perm }: Move, context: RewriteContext): boolean {
  const second = intsOf(user, 'perm');
  if (user.op !== 'Transpose' || !second) return false;
  const both = second.map((axis) => perm[axis] ?? 0);
  const source = node.inputs[0] ?? '';
  if (both.every((axis, at) => axis === at)) return context.rewriter.bypass(user, source);
  user.attributes.set('perm', ints(both));
  context.rewriter.setInput(user, 0, source);
  return true;
}

function sinkThroughElementwise({ node, user, perm }: Move, context: RewriteContext): boolean {
  if (!elementwise.some((op) => op === user.op)) return false;
  if (user.inputs[0] !== node.outputs[0] || user.outputs.slice(1).some((name) => name !== '')) {
    return false;
  }
  context.rewriter.setInput(user, 0, node.inputs[0] ?? '');
  transposeOutput(user, perm, context);
  return true;
}

function sinkThroughBinary(user: Node, perm: readonly number[], context: RewriteContext): boolean {
  if (!binary.some((op) => op === user.op)) return false;
  const replacements = user.inputs.map((name) => untransposed(name, perm, context));
  if (replacements.some((replacement) => replacement === undefined)) return false;
  replacements.forEach((replacement, at) => {
    context.rewriter.setInput(user, at, replacement?.() ?? '');
  });
  transposeOutput(user, perm, context);
  return true;
}

/**
 * What gives this value before the Transpose; made only when called, as all operands must have one.
 */
function untransposed(
  name: string,
  perm: readonly number[],
  { rewriter }: RewriteContext,
): (() => string) | undefined {
  const producer = rewriter.producer(name);
  const own = producer?.op === 'Transpose' ? intsOf(producer, 'perm') : undefined;
  if (own?.every((axis, at) => axis === perm[at])) return () => producer?.inputs[0] ?? '';
  const constant = rewriter.constant(name);
  if (!constant || constant.dims.length > perm.length) return undefined;
  if (constant.dims.length === 0) return () => name;
  const missing = perm.length - constant.dims.length;
  const dims = [...Array<number>(missing).fill(1), ...constant.dims];
  const moved = transpose({ ...constant, dims }, inverse(perm));
  return moved && (() => rewriter.addConstant(`${name}.moved`, moved));
}

function sinkThroughAxes({ node, user, perm }: Move, context: RewriteContext): boolean {
  const { rewriter } = context;
  if (user.op === 'Concat') return sinkThroughConcat(user, perm, context);
  if (user.op === 'Pad' && user.inputs[0] === node.outputs[0] && !user.inputs[3]) {
    const pads = integersOf(rewriter.constant(user.inputs[1]));
    if (!pads || pads.length !== 2 * perm.length) return false;
    const moved = inverse(perm);
    const ends = perm.length;
    const values = [
      ...moved.map((axis) => pads[axis] ?? 0),
      ...moved.map((axis) => pads[ends + axis] ?? 0),
    ];
    rewriter.setInput(user, 0, node.inputs[0] ?? '');
    const name = rewriter.addConstant(`${user.name}.pads`, int64Tensor([values.length], values));
    rewriter.setInput(user, 1, name);
    transposeOutput(user, perm, context);
    return true;
  }
  return sinkThroughReduce({ node, user, perm }, context);
}

function sinkThroughConcat(user: Node, perm: readonly number[], context: RewriteContext): boolean {
  const axis = user.attributes.get('axis');
  const sources = user.inputs.map((name) => untransposed(name, perm, context));
  if (axis?.kind !== 'int' || sources.some((source) => source === undefined)) return false;
  const at = Number(axis.value) < 0 ? Number(axis.value) + perm.length : Number(axis.value);
  sources.forEach((source, i) => {
    context.rewriter.setInput(user, i, source?.() ?? '');
  });
  user.attributes.set('axis', int(perm[at] ?? 0));
  transposeOutput(user, perm, context);
  return true;
}

function sinkThroughReduce({ node, user, perm }: Move, context: RewriteContext): boolean {
  const { rewriter } = context;
  if (user.op !== 'ReduceMean' || user.inputs[0] !== node.outputs[0]) return false;
  const axes = intsOf(user, 'axes') ?? integersOf(rewriter.constant(user.inputs[1]));
  const keep = user.attributes.get('keepdims');
  if (!axes || (keep?.kind === 'int' && Number(keep.value) === 0)) {
    return axes ? dropTransposedMean({ node, user, perm }, axes, context) : false;
  }
  const moved = axes.map((axis) => perm[axis < 0 ? axis + perm.length : axis] ?? 0);
  setAxes(user, moved, context);
  rewriter.setInput(user, 0, node.inputs[0] ?? '');
  transposeOutput(user, perm, context);
  return true;
}

/** A mean that drops its axes needs no Transpose after it where the others keep their order. */
function dropTransposedMean(
  { node, user, perm }: Move,
  axes: readonly number[],
  context: RewriteContext,
): boolean {
  const gone = axes.map((axis) => (axis < 0 ? axis + perm.length : axis));
  const left = perm.filter((_, at) => !gone.includes(at));
  if (!left.every((axis, at) => at === 0 || axis > (left[at - 1] ?? 0))) return false;
  setAxes(
    user,
    gone.map((axis) => perm[axis] ?? 0),
    context,
  );
  context.rewriter.setInput(user, 0, node.inputs[0] ?? '');
  return true;
}

function setAxes(user: Node, axes: readonly number[], { rewriter }: RewriteContext): void {
  const sorted = [...axes].sort((a, b) => a - b);
  if (user.attributes.has('axes')) user.attributes.set('axes', ints(sorted));
  else {
    const name = rewriter.addConstant(`${user.name}.axes`, int64Tensor([sorted.length], sorted));
    rewriter.setInput(user, 1, name);
  }
}

/** The node now gives its result before the Transpose: one is put after it, under the old name. */
function transposeOutput(user: Node, perm: readonly number[], { rewriter }: RewriteContext): void {
  const [output = ''] = user.outputs;
  const inner = rewriter.fresh(`${output}.untransposed`);
  rewriter.setOutput(user, 0, inner);
  const added = makeNode('Transpose', rewriter.fresh(`${user.name}.transpose`), {
    inputs: [inner],
    outputs: [output],
    attributes: { perm: ints(perm) },
  });
  rewriter.insertAfter(user, added);
}

function inverse(perm: readonly number[]): number[] {
  return perm.map((_, axis) => perm.indexOf(axis));
}
