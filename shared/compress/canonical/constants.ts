import type { Node, Tensor } from '../../onnx/graph.ts';
import { floatTensor, int64Tensor } from '../tensors.ts';
import { evaluate } from './fold.ts';
import type { Rewrite, RewriteContext } from './rewrite.ts';

/** Computes once what is the same in every run, and keeps it as a constant. */
export const constants: Rewrite = {
  name: 'constants',
  reason: 'what is the same in every run is computed once',
  apply(context) {
    const { rewriter } = context;
    let count = 0;
    for (const node of [...rewriter.graph.nodes]) {
      const value = constantOf(node, context);
      const [output = ''] = node.outputs;
      if (!value || node.outputs.length !== 1 || rewriter.pinned(output)) continue;
      rewriter.remove(node);
      rewriter.graph.initializers.set(output, value);
      count += 1;
    }
    return count + knownShapes(context);
  },
};

function constantOf(node: Node, { rewriter }: RewriteContext): Tensor | undefined {
  if (node.op === 'Constant' && node.domain === '') return storedValue(node);
  if (node.inputs.length === 0) return undefined;
  const inputs = node.inputs.map((name) => rewriter.constant(name));
  const missing = node.inputs.some((name, at) => name !== '' && !inputs[at]);
  const value = missing ? undefined : evaluate(node, inputs);
  return value && grows(node, value, inputs) ? undefined : value;
}

/** Constants up to this size may take more bytes than what they are made of. */
const smallBytes = 1024;

/**
 * Whether the file would grow: what is made of little is made again when the model is loaded. A
 * Cast is taken out all the same, as the weights behind it are stored anew by most recipes.
 */
function grows(node: Node, value: Tensor, inputs: readonly (Tensor | undefined)[]): boolean {
  if (node.op === 'Cast' || value.bytes.length <= smallBytes) return false;
  return value.bytes.length > inputs.reduce((sum, input) => sum + (input?.bytes.length ?? 0), 0);
}

function storedValue(node: Node): Tensor | undefined {
  for (const [name, attribute] of node.attributes) {
    if (name === 'value' && attribute.kind === 'tensor') return attribute.value;
    if (name === 'value_int' && attribute.kind === 'int') {
      return int64Tensor([], [Number(attribute.value)]);
    }
    if (name === 'value_ints' && attribute.kind === 'ints') {
      return int64Tensor([attribute.value.length], attribute.value.map(Number));
    }
    if (name === 'value_float' && attribute.kind === 'float') {
      return floatTensor([], [attribute.value]);
    }
    if (name === 'value_floats' && attribute.kind === 'floats') {
      return floatTensor([attribute.value.length], attribute.value);
    }
  }
  return undefined;
}

/**
 * Shapes computed from shapes: with a batch that varies, `Gather(Shape(x), 2)` is still a number.
 */
function knownShapes(context: RewriteContext): number {
  const { rewriter } = context;
  let count = 0;
  for (const node of [...rewriter.graph.nodes]) {
    const [output = ''] = node.outputs;
    const elements = context.elements(output);
    const dims = context.shape(output);
    if (!elements || !dims || node.outputs.length !== 1 || rewriter.pinned(output)) continue;
    const known = elements.filter((element) => typeof element === 'number');
    if (known.length !== elements.length || context.type(output) !== 'int64') continue;
    rewriter.remove(node);
    rewriter.graph.initializers.set(
      output,
      int64Tensor(dims.length === 0 ? [] : [known.length], known),
    );
    count += 1;
  }
  return count;
}
