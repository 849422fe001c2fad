/** Small random networks with every operator that channels are followed through, from a seed. */
import type { Attribute, Model, Node, Tensor } from '../../shared/onnx/graph.ts';
import { createRandom } from '../../shared/random.ts';
import { floats, graphOf, int64s, ints, modelOf, nodeOf, valueNamed } from './graphs.ts';

interface Builder {
  readonly nodes: Node[];
  readonly initializers: Record<string, Tensor>;
  pick(from: number, to: number): number;
  constant(dims: readonly number[]): string;
  sizes(values: readonly number[]): string;
  /** Adds a node; the name of its output. */
  add(op: string, inputs: string[], ...attributes: (readonly [string, Attribute])[]): string;
}

/** A value of [1, channels, size, size]. */
interface Map {
  readonly value: string;
  readonly channels: number;
  readonly size: number;
}

type Block = (b: Builder, x: Map) => Map;

export function randomNetwork(seed: number): Model {
  const b = builderOf(seed);
  let x: Map = conv(b, { value: 'x', channels: 3, size: 12 }, 2 * b.pick(3, 6));
  const blocks = Object.values(blockTable);
  const count = b.pick(4, 9);
  for (let i = 0; i < count; i += 1) {
    const block = blocks[b.pick(0, blocks.length - 1)];
    if (block) x = block(b, x);
  }
  const end = heads[b.pick(0, heads.length - 1)];
  const outputs = [end?.(b, x) ?? x.value];
  const inputs = [valueNamed('x', [1, 3, 12, 12])];
  return modelOf(graphOf({ nodes: b.nodes, inputs, outputs, initializers: b.initializers }));
}

function builderOf(seed: number): Builder {
  const random = createRandom(seed);
  const nodes: Node[] = [];
  const initializers: Record<string, Tensor> = {};
  const named = (tensor: Tensor) => {
    const name = `c${Object.keys(initializers).length}`;
    initializers[name] = tensor;
    return name;
  };
  return {
    nodes,
    initializers,
    pick: (from, to) => from + Math.floor(random() * (to - from + 1)),
    constant(dims) {
      const count = dims.reduce((product, size) => product * size, 1);
      // Positive, so that variances are too.
      return named(
        floats(
          dims,
          Array.from({ length: count }, () => 0.05 + 0.5 * random()),
        ),
      );
    },
    sizes: (values) => named(int64s(values)),
    add(op, inputs, ...attributes) {
      const output = `v${nodes.length}`;
      const outputs = op === 'Split' ? [output, `${output}b`] : [output];
      const node = nodeOf(op, { inputs: inputs, outputs: outputs }, ...attributes);
      nodes.push({ ...node, name: `${op}${nodes.length}` });
      return output;
    },
  };
}

function conv(b: Builder, x: Map, outputs: number): Map {
  return groupedConv(b, x, { outputs, group: 1 });
}

function groupedConv(
  b: Builder,
  x: Map,
  { outputs, group }: { outputs: number; group: number },
): Map {
  const kernel = 2 * b.pick(0, 1) + 1;
  const inputs = [x.value, b.constant([outputs, x.channels / group, kernel, kernel])];
  if (b.pick(0, 1) === 1) inputs.push(b.constant([outputs]));
  const half = (kernel - 1) / 2;
  const value = b.add(
    'Conv',
    inputs,
    ['pads', ints(half, half, half, half)],
    ['group', one(group)],
  );
  return { ...x, value: b.add('Softsign', [value]), channels: outputs };
}

function one(value: number): Attribute {
  return { kind: 'int', value };
}

const even = (b: Builder) => 2 * b.pick(2, 5);

const blockTable: Readonly<Record<string, Block>> = {
  plain: (b, x) => conv(b, x, even(b)),
  depthwise: (b, x) => groupedConv(b, x, { outputs: x.channels * b.pick(1, 2), group: x.channels }),
  grouped: (b, x) => groupedConv(b, conv(b, x, 8), { outputs: 4, group: 2 }),
  batchNorm(b, x) {
    const vectors = [1, 2, 3, 4].map(() => b.constant([x.channels]));
    return { ...x, value: b.add('BatchNormalization', [x.value, ...vectors]) };
  },
  slope: (b, x) => ({ ...x, value: b.add('PRelu', [x.value, b.constant([x.channels, 1, 1])]) }),
  scale: (b, x) => ({ ...x, value: b.add('Mul', [x.value, b.constant([1, x.channels, 1, 1])]) }),
  shift: (b, x) => ({ ...x, value: b.add('Add', [x.value, b.constant([1])]) }),
  residual(b, x) {
    const inner = conv(b, conv(b, x, even(b)), x.channels);
    return { ...x, value: b.add('Add', [inner.value, x.value]) };
  },
  gate(b, x) {
    const pooled = { ...x, value: b.add('GlobalAveragePool', [x.value]), size: 1 };
    const squeezed = conv(b, pooled, 4);
    const gate = b.add('Sigmoid', [conv(b, squeezed, x.channels).value]);
    return { ...x, value: b.add('Mul', [x.value, gate]) };
  },
  join(b, x) {
    const parts = [conv(b, x, even(b)), conv(b, x, even(b)), x];
    const value = b.add(
      'Concat',
      parts.map((part) => part.value),
      ['axis', one(1)],
    );
    return { ...x, value, channels: parts.reduce((sum, part) => sum + part.channels, 0) };
  },
  part(b, x) {
    const first = b.pick(1, x.channels - 1);
    const counts = [first, x.channels - first];
    const value = b.add('Split', [x.value, b.sizes(counts)], ['axis', one(1)]);
    const [left, right] = [
      conv(b, { ...x, value, channels: counts[0] ?? 1 }, 6),
      conv(b, { ...x, value: `${value}b`, channels: counts[1] ?? 1 }, 6),
    ];
    return { ...x, value: b.add('Mul', [left.value, right.value]), channels: 6 };
  },
  cut(b, x) {
    const [start, end] = [b.pick(0, 1), x.channels - b.pick(0, 1)];
    const bounds = [[start], [end], [1]].map((values) => b.sizes(values));
    return { ...x, value: b.add('Slice', [x.value, ...bounds]), channels: end - start };
  },
  shuffle(b, x) {
    const y = conv(b, x, even(b));
    const half = y.channels / 2;
    const apart = b.add('Reshape', [y.value, b.sizes([1, 2, half, x.size, x.size])]);
    const turned = b.add('Transpose', [apart], ['perm', ints(0, 2, 1, 3, 4)]);
    const value = b.add('Reshape', [turned, b.sizes([1, y.channels, x.size, -1])]);
    return groupedConv(b, { ...y, value }, { outputs: y.channels, group: y.channels });
  },
  pool(b, x) {
    if (x.size < 4) return x;
    const window = [
      ['kernel_shape', ints(2, 2)],
      ['strides', ints(2, 2)],
    ] as const;
    return { ...x, value: b.add('MaxPool', [x.value], ...window), size: Math.floor(x.size / 2) };
  },
  resize(b, x) {
    if (x.size > 6) return x;
    const sizes = b.sizes([1, x.channels, x.size + 1, x.size + 1]);
    return { ...x, value: b.add('Resize', [x.value, '', '', sizes]), size: x.size + 1 };
  },
  border(b, x) {
    const pads = b.sizes([0, b.pick(0, 1), 1, 1, 0, b.pick(0, 1), 0, 0]);
    const value = b.add('Pad', [x.value, pads]);
    return conv(b, { value, channels: channelsPadded(b, x.channels), size: x.size + 1 }, even(b));
  },
};

/** What the last constant, the amounts of a Pad, adds. */
function channelsPadded(b: Builder, channels: number): number {
  const bytes = Object.values(b.initializers).at(-1)?.bytes ?? new Uint8Array();
  return channels + (bytes[8] ?? 0) + (bytes[40] ?? 0);
}

const heads: readonly ((b: Builder, x: Map) => string)[] = [
  (b, x) => {
    const flat = b.add('Flatten', [x.value]);
    return b.add('Gemm', [flat, b.constant([x.channels * x.size ** 2, 5]), b.constant([5])]);
  },
  (b, x) => {
    const mean = b.add('ReduceMean', [x.value], ['axes', ints(2, 3)], ['keepdims', one(0)]);
    const hidden = b.add('MatMul', [mean, b.constant([x.channels, 7])]);
    const biased = b.add('Add', [hidden, b.constant([7])]);
    const weight = b.constant([5, 7]);
    return b.add('Gemm', [b.add('Tanh', [biased]), weight], ['transB', one(1)]);
  },
  (b, x) => {
    const pooled = b.add('GlobalAveragePool', [x.value]);
    const flat = b.add('Reshape', [pooled, b.sizes([1, x.channels])]);
    return b.add('Softmax', [b.add('MatMul', [flat, b.constant([x.channels, 5])])]);
  },
];
