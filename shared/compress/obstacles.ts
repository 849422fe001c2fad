/** What keeps a model, or parts of it, from what a recipe asks for, as sentences. Pure. */
import { feeds, type Model } from '../onnx/graph.ts';
import { weightsOf } from '../onnx/layers.ts';
import { allNodes, subgraphsOf } from '../onnx/walk.ts';
import { hasIntegers } from './build.ts';
import { narrowLayers } from './narrow/layers.ts';
import { computeLayers, weightedNodes } from './quantize/quantize.ts';
import { whyNoKernel } from './quantize/roles.ts';
import { isWeightOnly, type Recipe } from './recipe.ts';
import { rewriterOf } from './rewriter.ts';
import { storesAny } from './stored-weights.ts';

export interface Obstacles {
  /** Not one layer can be what the recipe asks for. */
  readonly nothing: boolean;
  /** Then weights can still be stored in fewer bits, for layers that compute in float. */
  readonly stores: boolean;
  readonly notes: readonly string[];
}

export function obstaclesTo(canonical: Model, recipe: Recipe): Obstacles {
  const possible = possibleLayers(canonical, recipe);
  const nothing = possible === 0;
  const stores = nothing && recipe.scheme !== 'pow2' && storesAny(canonical);
  const fails = stores ? whatIsLeft : whatFails(recipe);
  const sentence = nothing ? [`${fails}: ${whyNothing(canonical)}.`] : [];
  return {
    nothing,
    stores,
    notes: [...sentence, ...insideControlFlow(canonical), ...shapes(canonical)],
  };
}

/** null where the recipe asks for no layer. */
function possibleLayers(model: Model, recipe: Recipe): number | null {
  if (hasIntegers(recipe)) return computeLayers(model).length;
  const widths = [recipe.bits, ...Object.values(recipe.layers ?? {})];
  const narrow = isWeightOnly(recipe) && widths.some((bits) => bits < 32);
  return narrow ? narrowLayers(model).layers.length : null;
}

const whatIsLeft = 'No layer can compute in integers, so that fewer bits save bytes alone';

function whatFails(recipe: Recipe): string {
  return hasIntegers(recipe)
    ? 'No layer can compute in integers, so the model stays float'
    : 'No layer can have narrow weights, so the model stays float';
}

function whyNothing(model: Model): string {
  const rewriter = rewriterOf(model.graph);
  const weighted = new Set(weightedNodes(rewriter));
  const nodes = rewriter.graph.nodes.filter(
    (node) => weighted.has(node) || weightsOf(node, rewriter.constant).length > 0,
  );
  if (nodes.length === 0) return 'outside of control flow no layer has constant weights';
  const reasons = nodes.map(
    (node) =>
      narrowLayers(model).refused.get(node.name) ?? whyNoKernel(node, rewriter) ?? 'unknown',
  );
  return [...new Set(reasons)].slice(0, 3).join('; ');
}

/** Layers of branches and bodies: which of them run is only known when they run. */
function insideControlFlow({ graph }: Model): string[] {
  const holders = [...allNodes(graph)].filter((node) => subgraphsOf(node).length > 0);
  if (holders.length === 0) return [];
  const ops = [...new Set(holders.map(({ op }) => op))].join(', ');
  const inside = holders.flatMap(subgraphsOf).flatMap(({ nodes }) => nodes);
  const layers = inside.filter(({ op }) => layerOps.has(op)).length;
  return [
    `The model has control flow (${holders.length} ${ops}): ` +
      `what lies inside, ${layers} layers among it, stays as it is.`,
  ];
}

const layerOps: ReadonlySet<string> = new Set(['Conv', 'Gemm', 'MatMul', 'LSTM', 'GRU', 'RNN']);

/** Inputs whose sizes are known only when the model runs, past the batch. */
function shapes({ graph }: Model): string[] {
  const varying = feeds(graph).filter(({ dims }) =>
    (dims ?? []).slice(1).some((dim) => typeof dim !== 'number'),
  );
  if (varying.length === 0) return [];
  const names = varying.map(({ name }) => name).join(', ');
  return [`Sizes of ${names} vary: rewrites that need fixed sizes were not made.`];
}
