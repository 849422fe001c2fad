/**
 * Structural validity: what must hold before anyone edits or runs a model (onnx/docs/IR.md,
 * "Graphs"). Whether shapes and attributes fit the operators is for the runtime to judge, but for
 * those that would end its process.
 */
import { FettleError } from '../errors.ts';
import { whyBadDivisor } from './divisors.ts';
import { elementTypes, type Graph, type Model, type Node, type Tensor } from './graph.ts';
import { newestOpset, whyUnknownOperator } from './operators.ts';
import { orderNodes } from './order.ts';
import { allNodes, allTensors, nodeLabel, subgraphsOf } from './walk.ts';

const newestIrVersion = 14;
/** From IR version 3 on a model says which operator sets it uses. */
const firstIrWithOpsets = 3;

/**
 * Puts nodes in order where they are not, and gives an old model the opset it means. Throws
 * `ONNX_INVALID` where the file contradicts itself and `ONNX_UNSUPPORTED` where it may be right but
 * is not known here.
 */
export function checkModel(model: Model, path: string): void {
  checkVersions(model, path);
  checkOperators(model, path);
  for (const { where, tensor } of allTensors(model.graph)) {
    const reason = whyWrongSize(tensor);
    if (reason) throw invalid(path, `${where} ${reason}`);
  }
  if (model.graph.outputs.length === 0) throw invalid(path, 'the graph has no output');
  checkGraph(model.graph, null, path);
}

function invalid(path: string, reason: string): FettleError {
  return new FettleError('ONNX_INVALID', { path, reason });
}

function unsupported(path: string, reason: string): FettleError {
  return new FettleError('ONNX_UNSUPPORTED', { path, reason });
}

function checkVersions(model: Model, path: string): void {
  const { irVersion, opsets } = model;
  if (irVersion < 1) throw invalid(path, 'it states no IR version');
  if (irVersion > newestIrVersion) {
    throw unsupported(path, `IR version ${irVersion}; ${newestIrVersion} is the newest known`);
  }
  if (opsets.size === 0) {
    if (irVersion >= firstIrWithOpsets) throw invalid(path, 'it states no operator set');
    opsets.set('', 1);
  }
  const opset = opsets.get('') ?? 1;
  if (opset < 1) throw invalid(path, `opset ${opset}`);
  if (opset > newestOpset) {
    throw unsupported(path, `opset ${opset}; ${newestOpset} is the newest known`);
  }
}

function checkOperators(model: Model, path: string): void {
  const opset = model.opsets.get('');
  const ownNames = new Set(model.functions?.map(({ domain, name }) => `${domain}/${name}`));
  for (const node of allNodes(model.graph)) {
    if (node.domain !== '' || ownNames.has(`/${node.op}`)) continue;
    if (opset === undefined) throw invalid(path, 'it uses ONNX operators and imports no opset');
    const reason = whyUnknownOperator(node.op, opset);
    if (reason) throw unsupported(path, `${reason} (${nodeLabel(node)})`);
    const divisor = whyBadDivisor(node);
    if (divisor) throw invalid(path, `${nodeLabel(node)} has ${divisor}; each must be positive`);
  }
}

/** Bytes that a tensor of this type and shape takes. */
export function byteLength(type: Tensor['type'], dims: readonly number[]): number {
  const elements = dims.reduce((product, size) => product * size, 1);
  return Math.ceil((elements * elementTypes[type].bits) / 8);
}

function whyWrongSize(tensor: Tensor): string | null {
  if (tensor.external) return null;
  const shape = `[${tensor.dims.join(', ')}]`;
  if (tensor.type === 'string') {
    const expected = tensor.dims.reduce((product, size) => product * size, 1);
    const got = tensor.strings?.length ?? 0;
    return got === expected ? null : `of shape ${shape} needs ${expected} strings, got ${got}`;
  }
  const expected = byteLength(tensor.type, tensor.dims);
  const got = tensor.bytes.byteLength;
  if (got === expected) return null;
  return `of type ${tensor.type} and shape ${shape} needs ${expected} bytes, got ${got}`;
}

/** The values that nodes may read: those of the graph so far and of the graphs around it. */
interface Scope {
  readonly names: Set<string>;
  readonly outer: Scope | null;
}

function isKnown(scope: Scope, name: string): boolean {
  for (let at: Scope | null = scope; at; at = at.outer) if (at.names.has(name)) return true;
  return false;
}

function checkGraph(graph: Graph, outer: Scope | null, path: string): void {
  const order = orderNodes(graph.nodes);
  if ('cycle' in order) throw invalid(path, `nodes form a cycle: ${order.cycle}`);
  graph.nodes = order.nodes;
  const names = constantsAndInputs(graph, path);
  const scope: Scope = { names, outer };
  for (const node of graph.nodes) {
    checkNode(node, scope, path);
    for (const name of node.outputs) {
      if (name === '') continue;
      if (names.has(name)) {
        throw invalid(path, `value "${name}" is made twice (${nodeLabel(node)})`);
      }
      names.add(name);
    }
  }
  for (const { name } of graph.outputs) {
    if (!isKnown(scope, name)) throw invalid(path, `nothing makes the output "${name}"`);
  }
}

function constantsAndInputs(graph: Graph, path: string): Set<string> {
  const names = new Set<string>();
  for (const { name } of graph.inputs) {
    if (names.has(name)) throw invalid(path, `there are two inputs named "${name}"`);
    names.add(name);
  }
  for (const name of graph.initializers.keys()) names.add(name);
  for (const name of graph.sparse?.keys() ?? []) names.add(name);
  return names;
}

function checkNode(node: Node, scope: Scope, path: string): void {
  for (const name of node.inputs) {
    if (name !== '' && !isKnown(scope, name)) {
      throw invalid(path, `${nodeLabel(node)} reads "${name}", which nothing makes`);
    }
  }
  for (const inner of subgraphsOf(node)) checkGraph(inner, scope, path);
}
