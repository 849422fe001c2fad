/**
 * Types and shapes of every value, found out without running anything (the rules are in `shapes/`).
 * Sizes that vary keep their names. Small integer tensors are computed on the way, because
 * exporters compute shapes from shapes.
 */
import {
  type Dimension,
  type Graph,
  type Model,
  type Node,
  overridable,
  type ValueInfo,
} from './graph.ts';
import { knownTensor } from './shapes/constants.ts';
import { type Dims, type Known, maxRank, unknown } from './shapes/known.ts';
import { ruleOf } from './shapes/table.ts';
import { subgraphsOf } from './walk.ts';

/** What is known by value name; the enclosing graphs' values are asked next. */
interface Scope {
  readonly values: Map<string, Known>;
  readonly outer: Scope | null;
  readonly opsets: ReadonlyMap<string, number>;
  /** Constants of the main graph whose elements a caller may change. */
  readonly given: ReadonlySet<string>;
}

/**
 * Every value of the main graph by name: inputs, constants and what the nodes make. `dims` is null
 * where the rank could not be found out, a dimension is null where nothing is known of it.
 */
export function inferShapes(model: Model): Map<string, ValueInfo> {
  const infos = new Map<string, ValueInfo>();
  for (const [name, { type, dims }] of inferKnown(model)) infos.set(name, { name, type, dims });
  return infos;
}

/** The same with the elements of small integer tensors, as far as they are known. */
export function inferKnown(model: Model): Map<string, Known> {
  const given = new Set(overridable(model));
  const scope: Scope = { values: new Map(), outer: null, opsets: model.opsets, given };
  inferGraph(model.graph, scope);
  return scope.values;
}

function inferGraph(graph: Graph, scope: Scope): void {
  const declared = declaredValues(graph);
  for (const [name, tensor] of graph.initializers) {
    const { type, dims } = tensor;
    scope.values.set(name, scope.given.has(name) ? { type, dims } : knownTensor(tensor));
  }
  for (const { name, type, dims } of graph.inputs) {
    if (!graph.initializers.has(name)) scope.values.set(name, { type, dims });
  }
  for (const node of graph.nodes) {
    const found = inferNode(node, scope);
    node.outputs.forEach((name, index) => {
      if (name === '') return;
      scope.values.set(name, merge(found[index] ?? unknown, declared.get(name)));
    });
  }
}

/** The file's own statements; dynamic or stale ones must not beat what was found out. */
function declaredValues(graph: Graph): Map<string, ValueInfo> {
  const declared = new Map(graph.values);
  for (const output of graph.outputs) declared.set(output.name, output);
  return declared;
}

function inferNode(node: Node, scope: Scope): readonly Known[] {
  if (node.domain === '' && node.op === 'If') return inferIf(node, scope);
  const rule = ruleOf(node);
  if (!rule) return [];
  const input = (index: number) => lookUp(scope, node.inputs[index] ?? '');
  return rule({ node, opset: scope.opsets.get(node.domain) ?? 1, input }).map(plausible);
}

/** A damaged file can make rules compute sizes that are none, such as -5: nothing is known then. */
function plausible(known: Known): Known {
  const { type, dims } = known;
  if (!dims) return { type, dims };
  if (dims.length > maxRank) return { type, dims: null };
  const isSize = (size: Dimension) =>
    typeof size !== 'number' || (Number.isSafeInteger(size) && size >= 0);
  if (dims.every(isSize)) return known;
  return { type, dims: dims.map((size) => (isSize(size) ? size : null)) };
}

function lookUp(scope: Scope, name: string): Known {
  for (let at: Scope | null = scope; at && name !== ''; at = at.outer) {
    const known = at.values.get(name);
    if (known) return known;
  }
  return unknown;
}

/** What both branches agree on. */
function inferIf(node: Node, scope: Scope): readonly Known[] {
  const branches = subgraphsOf(node).map((branch) => {
    const inner: Scope = { ...scope, values: new Map(), outer: scope, given: new Set() };
    inferGraph(branch, inner);
    return branch.outputs.map(({ name }) => lookUp(inner, name));
  });
  const [then = [], otherwise = []] = branches;
  return then.map((known, index) => agreement(known, otherwise[index] ?? unknown));
}

function agreement(a: Known, b: Known): Known {
  const type = a.type === b.type ? a.type : null;
  if (!a.dims || !b.dims || a.dims.length !== b.dims.length) return { type, dims: null };
  const other = b.dims;
  return { type, dims: a.dims.map((size, axis) => (size === other[axis] ? size : null)) };
}

function merge(found: Known, declared: ValueInfo | undefined): Known {
  const type = found.type ?? declared?.type ?? null;
  const dims = mergeDims(found.dims, declared?.dims ?? null);
  return found.value ? { type, dims, value: found.value } : { type, dims };
}

function mergeDims(found: Dims | null, declared: Dims | null): Dims | null {
  if (!found || !declared || found.length !== declared.length) return found ?? declared;
  return found.map((size, axis) => moreKnown(size, declared[axis] ?? null));
}

function moreKnown(found: Dimension, declared: Dimension): Dimension {
  if (typeof found === 'number' || declared === null) return found;
  return typeof declared === 'number' || found === null ? declared : found;
}
