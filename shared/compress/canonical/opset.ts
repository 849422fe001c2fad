/**
 * Rewrites a model for a newer operator set, operator by operator, where its meaning or its
 * spelling changed on the way (onnx/docs/Changelog.md). Quantization per channel needs opset 13
 * (DequantizeLinear-13).
 */

import { floatOf, intOf, intsOf } from '../../onnx/attributes.ts';
import type { Model, Node } from '../../onnx/graph.ts';
import { allNodes } from '../../onnx/walk.ts';
import { int, makeNode, string } from '../attributes.ts';
import type { Rewriter } from '../rewriter.ts';
import { floatTensor, int64Tensor } from '../tensors.ts';

export const quantizableOpset = 13;

interface Place {
  readonly node: Node;
  readonly rewriter: Rewriter;
  rank(value: string | undefined): number | undefined;
}

/** Changes the node in place; a reason where it cannot be expressed. */
type Adapter = (place: Place) => string | undefined;

interface Adaptation {
  /** Applies to models below this opset. */
  readonly below: number;
  readonly ops: readonly string[];
  readonly adapt: Adapter;
}

const adaptations: readonly Adaptation[] = [
  { below: 8, ops: ['Scan'], adapt: () => 'Scan had another form before opset 9' },
  {
    below: 9,
    ops: ['Upsample'],
    adapt: ({ node, rewriter }) => floatsToInput(node, 'scales', rewriter),
  },
  { below: 9, ops: ['BatchNormalization'], adapt: dropAttribute('spatial', 1) },
  { below: 10, ops: ['Slice'], adapt: adaptSlice },
  { below: 10, ops: ['TopK'], adapt: ({ node, rewriter }) => intToInput(node, 'k', rewriter) },
  // As Resize of opset 10, which the next row takes on.
  { below: 10, ops: ['Upsample'], adapt: rename('Resize') },
  { below: 11, ops: ['Resize'], adapt: adaptResize },
  { below: 11, ops: ['Clip'], adapt: adaptClip },
  { below: 11, ops: ['Pad'], adapt: adaptPad },
  { below: 11, ops: ['Scatter'], adapt: rename('ScatterElements') },
  { below: 12, ops: ['Dropout'], adapt: dropAttribute('ratio') },
  { below: 13, ops: ['Softmax', 'LogSoftmax', 'Hardmax'], adapt: adaptSoftmax },
  {
    below: 13,
    ops: ['Squeeze', 'Unsqueeze', 'ReduceSum'],
    adapt: ({ node, rewriter }) => intsToInput(node, 'axes', rewriter),
  },
  {
    below: 13,
    ops: ['Split'],
    adapt: ({ node, rewriter }) => intsToInput(node, 'split', rewriter),
  },
];

/** Operators of the ONNX domain whose form before opset 7 is not known here. */
export const oldestOpset = 7;

/** The reason why the model cannot be written for `quantizableOpset`; undefined where it now is. */
export function upgradeOpset(
  model: Model,
  rewriter: Rewriter,
  rank: (value: string | undefined) => number | undefined,
): string | undefined {
  const from = model.opsets.get('') ?? 0;
  if (from >= quantizableOpset) return undefined;
  if (from < oldestOpset) return `opset ${from} is older than ${oldestOpset}`;
  if ([...allNodes(model.graph)].length > model.graph.nodes.length) {
    return `opset ${from} with control flow is not rewritten`;
  }
  for (const node of [...model.graph.nodes]) {
    if (node.domain !== '') continue;
    for (const { below, ops, adapt } of adaptations) {
      if (from >= below || !ops.includes(node.op)) continue;
      const reason = adapt({ node, rewriter, rank });
      if (reason) return `${node.op} ${node.name}: ${reason}`;
    }
  }
  model.opsets.set('', quantizableOpset);
  // IR version 7 is the one of opset 13's release (onnx/docs/Versioning.md).
  model.irVersion = Math.max(model.irVersion, 7);
  return undefined;
}

function dropAttribute(name: string, meaningless?: number): Adapter {
  return ({ node }) => {
    if (meaningless !== undefined && intOf(node, name, meaningless) !== meaningless) {
      return `${name} is not ${meaningless}`;
    }
    node.attributes.delete(name);
    return undefined;
  };
}

function rename(op: string): Adapter {
  return ({ node }) => {
    node.op = op;
    return undefined;
  };
}

function intsToInput(node: Node, name: string, rewriter: Rewriter): undefined {
  const values = intsOf(node, name);
  node.attributes.delete(name);
  if (!values) return;
  const constant = rewriter.addConstant(
    `${node.name}.${name}`,
    int64Tensor([values.length], values),
  );
  rewriter.setInput(node, 1, constant);
}

function intToInput(node: Node, name: string, rewriter: Rewriter): undefined {
  const value = intOf(node, name, 1);
  node.attributes.delete(name);
  rewriter.setInput(
    node,
    1,
    rewriter.addConstant(`${node.name}.${name}`, int64Tensor([1], [value])),
  );
}

function floatsToInput(node: Node, name: string, rewriter: Rewriter): undefined {
  const attribute = node.attributes.get(name);
  const values = attribute?.kind === 'floats' ? attribute.value : [];
  node.attributes.delete(name);
  const constant = rewriter.addConstant(
    `${node.name}.${name}`,
    floatTensor([values.length], values),
  );
  rewriter.setInput(node, 1, constant);
}

function adaptSlice({ node, rewriter }: Place): undefined {
  const starts = intsOf(node, 'starts') ?? [];
  const ends = intsOf(node, 'ends') ?? [];
  const axes = intsOf(node, 'axes') ?? starts.map((_, axis) => axis);
  node.attributes.clear();
  const lists = { starts, ends, axes };
  Object.entries(lists).forEach(([name, values], at) => {
    const constant = rewriter.addConstant(
      `${node.name}.${name}`,
      int64Tensor([values.length], values.map(toInt64)),
    );
    rewriter.setInput(node, at + 1, constant);
  });
}

/**
 * "To the end" is written as the largest int64, which a float64 rounds up past the end of int64.
 */
function toInt64(value: number): number {
  return Math.min(Math.max(value, -(2 ** 53)), 2 ** 53);
}

/** Resize-10 had inputs (x, scales) and meant asymmetric coordinates, rounded down for nearest. */
function adaptResize({ node, rewriter }: Place): undefined {
  const scales = node.inputs[1] ?? '';
  rewriter.setInput(node, 1, '');
  rewriter.setInput(node, 2, scales);
  node.attributes.set('coordinate_transformation_mode', string('asymmetric'));
  node.attributes.set('nearest_mode', string('floor'));
}

function adaptClip({ node, rewriter }: Place): undefined {
  const bounds = { min: floatOf(node, 'min', -largest), max: floatOf(node, 'max', largest) };
  node.attributes.clear();
  Object.entries(bounds).forEach(([name, value], at) => {
    rewriter.setInput(
      node,
      at + 1,
      rewriter.addConstant(`${node.name}.${name}`, floatTensor([], [value])),
    );
  });
}

const largest = 3.4028234663852886e38;

function adaptPad({ node, rewriter }: Place): undefined {
  const pads = intsOf(node, 'pads') ?? [];
  const value = floatOf(node, 'value', 0);
  node.attributes.delete('pads');
  node.attributes.delete('value');
  const padsName = rewriter.addConstant(`${node.name}.pads`, int64Tensor([pads.length], pads));
  rewriter.setInput(node, 1, padsName);
  rewriter.setInput(node, 2, rewriter.addConstant(`${node.name}.value`, floatTensor([], [value])));
}

/**
 * Softmax-11 and older flattened to two dimensions at `axis` (default 1) and normalised the
 * second; Softmax-13 normalises one axis (default −1). On the last axis both are the same.
 */
function adaptSoftmax({ node, rewriter, rank }: Place): string | undefined {
  const known = rank(node.inputs[0]);
  if (known === undefined) return 'the rank of its input is not known';
  const given = intOf(node, 'axis', 1);
  const axis = given < 0 ? given + known : given;
  node.attributes.set('axis', int(-1));
  if (axis === known - 1) return undefined;
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const flat = rewriter.fresh(`${input}.flat`);
  const result = rewriter.fresh(`${output}.flat`);
  const shape = rewriter.fresh(`${input}.shape`);
  rewriter.insertBefore(
    node,
    makeNode('Flatten', rewriter.fresh(`${node.name}.flatten`), {
      inputs: [input],
      outputs: [flat],
      attributes: { axis: int(axis) },
    }),
  );
  rewriter.insertBefore(
    node,
    makeNode('Shape', rewriter.fresh(`${node.name}.shape`), { inputs: [input], outputs: [shape] }),
  );
  rewriter.setInput(node, 0, flat);
  rewriter.setOutput(node, 0, result);
  rewriter.insertAfter(
    node,
    makeNode('Reshape', rewriter.fresh(`${node.name}.reshape`), {
      inputs: [result, shape],
      outputs: [output],
    }),
  );
  return undefined;
}
