/** Edits a model so that it still parses but may mean nonsense: what byte damage seldom reaches. */
import { type Attribute, elementTypes, type Model, type Node } from '../../shared/onnx/graph.ts';
import { readModel } from '../../shared/onnx/read.ts';
import { writeModel } from '../../shared/onnx/write.ts';

type Random = () => number;
type Edit = (model: Model, random: Random) => void;

const edits: readonly Edit[] = [
  renameOperator,
  changeAttribute,
  dropNode,
  repeatNode,
  rewireInput,
  changeConstantShape,
  changeConstantBytes,
  changeInputShape,
  changeOpset,
  dropConstant,
  shuffleNodes,
];

/** One to three edits of the model in these bytes. */
export function mutateGraph(bytes: Uint8Array, random: Random): Uint8Array {
  const model = readModel(bytes);
  for (let i = 1 + below(random, 3); i > 0; i -= 1) pick(edits, random)?.(model, random);
  return writeModel(model);
}

const operators = ['Conv', 'Gemm', 'MatMul', 'Add', 'Concat', 'Reshape', 'Relu', 'Clip', 'Pad'];
const others = ['Transpose', 'BatchNormalization', 'GlobalAveragePool', 'Slice', 'If', 'Nonsense'];

function renameOperator(model: Model, random: Random): void {
  const node = nodeOf(model, random);
  if (node) node.op = pick([...operators, ...others], random) ?? 'Conv';
}

const numbers = [0, 1, 2, -1, 3, 7, 64, 65_536, 2 ** 31, -(2 ** 40)] as const;

function changeAttribute(model: Model, random: Random): void {
  const node = nodeOf(model, random);
  const [name, value] = pick([...(node?.attributes ?? [])], random) ?? [];
  if (node && name && value) node.attributes.set(name, changed(value, random));
}

function changed(attribute: Attribute, random: Random): Attribute {
  const number = pick(numbers, random) ?? 0;
  if (attribute.kind === 'int') return { kind: 'int', value: number };
  if (attribute.kind === 'ints') {
    const length = below(random, 6);
    return { kind: 'ints', value: Array.from({ length }, () => pick(numbers, random) ?? 0) };
  }
  return attribute.kind === 'float' ? { kind: 'float', value: Number.NaN } : attribute;
}

function dropNode(model: Model, random: Random): void {
  model.graph.nodes.splice(below(random, model.graph.nodes.length), 1);
}

function repeatNode(model: Model, random: Random): void {
  const node = nodeOf(model, random);
  if (!node) return;
  const outputs = node.outputs.map((name) => `${name}_again`);
  model.graph.nodes.push({ ...node, name: `${node.name}_again`, outputs });
}

function rewireInput(model: Model, random: Random): void {
  const node = nodeOf(model, random);
  const source = nodeOf(model, random)?.outputs[0] ?? [...model.graph.initializers.keys()][0] ?? '';
  if (node) node.inputs[below(random, node.inputs.length + 1)] = source;
}

function changeConstantShape(model: Model, random: Random): void {
  const [name, tensor] = constantOf(model, random) ?? [];
  if (!name || !tensor) return;
  const dims = [...tensor.dims].sort(() => random() - 0.5);
  if (random() < 0.3) dims.push(pick(numbers, random) ?? 1);
  model.graph.initializers.set(name, { ...tensor, dims });
}

function changeConstantBytes(model: Model, random: Random): void {
  const [name, tensor] = constantOf(model, random) ?? [];
  if (!name || !tensor) return;
  const bytes = tensor.bytes.slice();
  const value = pick([0, 0xff, 0x7f, 0x80], random) ?? 0;
  bytes.fill(value, below(random, bytes.length + 1));
  model.graph.initializers.set(name, { ...tensor, bytes });
}

function changeInputShape(model: Model, random: Random): void {
  const types = Object.keys(elementTypes);
  model.graph.inputs = model.graph.inputs.map((input) => {
    const dims = (input.dims ?? []).map((dim) =>
      random() < 0.5 ? dim : (pick(numbers, random) ?? 'n'),
    );
    const type = random() < 0.8 ? input.type : input.type && pick(['int64', 'uint8'], random);
    return { ...input, dims, type: types.includes(type ?? '') ? input.type : null };
  });
}

function changeOpset(model: Model, random: Random): void {
  model.opsets.set('', pick([1, 6, 7, 11, 13, 18, 22, 23, 99], random) ?? 13);
}

function dropConstant(model: Model, random: Random): void {
  const [name] = constantOf(model, random) ?? [];
  if (name) model.graph.initializers.delete(name);
}

function shuffleNodes(model: Model, random: Random): void {
  model.graph.nodes.sort(() => random() - 0.5);
}

function nodeOf({ graph }: Model, random: Random): Node | undefined {
  return pick(graph.nodes, random);
}

function constantOf({ graph }: Model, random: Random) {
  return pick([...graph.initializers], random);
}

function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list[below(random, list.length)];
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
