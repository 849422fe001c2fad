/** Which layers stay float before anything is measured: by the recipe, by the target's table. */

import { intOf } from '../onnx/attributes.ts';
import type { Graph, Model, Node } from '../onnx/graph.ts';
import { feeds } from '../onnx/graph.ts';
import { emptyTable, own } from '../own.ts';
import { weightedNodes } from './quantize/quantize.ts';
import type { Recipe } from './recipe.ts';
import { type Rewriter, rewriterOf } from './rewriter.ts';
import type { Target } from './targets.ts';

/** Layers to which the recipe gives 32 bits. */
export function floatByRecipe(model: Model, recipe: Recipe): Record<string, string> {
  const float = emptyTable<string>();
  for (const { name } of weightedNodes(rewriterOf(model.graph))) {
    if ((own(recipe.layers, name) ?? recipe.bits) === 32)
      float[name] = 'the recipe keeps it in float';
  }
  return float;
}

/** The reason by layer name; layers in `said`, whose bits the recipe names, are not judged. */
export function floatByTable(
  graph: Graph,
  target: Target,
  said: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const rewriter = rewriterOf(graph);
  const inputs = new Set(feeds(graph).map((input) => input.name));
  const float = emptyTable<string>();
  for (const node of graph.nodes) {
    if (Object.hasOwn(said, node.name)) continue;
    const reason = node.op === 'Conv' ? whyFloat(node, rewriter, { inputs, target }) : undefined;
    if (reason !== undefined) float[node.name] = reason;
  }
  return float;
}

function whyFloat(
  node: Node,
  rewriter: Rewriter,
  { inputs, target }: { inputs: ReadonlySet<string>; target: Target },
): string | undefined {
  const [outputs = 0, perGroup = 0] = rewriter.constant(node.inputs[1])?.dims ?? [];
  const { floatStem, depthwiseChannels } = target;
  const few = perGroup <= floatStem.inputs && outputs <= floatStem.outputs;
  if (few && inputs.has(sourceOf(node, rewriter))) {
    const sizes = `${perGroup} → ${outputs}`;
    return `a first layer of ${sizes} channels is slower in 8 bits on ${target.name}`;
  }
  const group = intOf(node, 'group', 1);
  if (group > 1 && perGroup === 1 && outputs < depthwiseChannels) {
    return `a depthwise layer of ${outputs} channels is slower in 8 bits on ${target.name}`;
  }
  return undefined;
}

/** What the node reads, past Transposes of the model's input. */
function sourceOf(node: Node, rewriter: Rewriter): string {
  let [source = ''] = node.inputs;
  for (let at = rewriter.producer(source); at?.op === 'Transpose'; at = rewriter.producer(source)) {
    [source = ''] = at.inputs;
  }
  return source;
}
