// Holds the rows cut out of inputs against the runtime's own convolution.
import test from 'ava';
import { narrowLayers } from '../../../../shared/compress/narrow/layers.ts';
import { patchesOf } from '../../../../shared/compress/narrow/patches.ts';
import { openSession } from '../../../../shared/evaluate/runtime.ts';
import { writeModel } from '../../../../shared/onnx/write.ts';
import { createRandom } from '../../../../shared/random.ts';
import { floats, graphOf, ints, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

const cases = [
  { name: 'plain', weights: [4, 3, 3, 3], groups: 1, strides: [1, 1], pads: [0, 0, 0, 0] },
  {
    name: 'strided, padded unevenly',
    weights: [4, 3, 3, 2],
    groups: 1,
    strides: [2, 1],
    pads: [1, 0, 2, 1],
  },
  { name: 'grouped', weights: [6, 1, 3, 3], groups: 3, strides: [1, 2], pads: [1, 1, 1, 1] },
];

for (const { name, weights: dims, groups, strides, pads } of cases) {
  test(`rows times weights is the convolution: ${name}`, async (t) => {
    const random = createRandom(11);
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Array.from({ length: count }, () => random() - 0.5);
    const model = modelOf(
      graphOf({
        inputs: [valueNamed('x', [2, 3, 7, 6])],
        outputs: ['y'],
        initializers: { w: floats(dims, values) },
        nodes: [
          nodeOf(
            'Conv',
            { inputs: ['x', 'w'], outputs: ['y'] },
            ['group', { kind: 'int', value: groups }],
            ['strides', ints(...strides)],
            ['pads', ints(...pads)],
          ),
        ],
      }),
    );
    const data = Float32Array.from({ length: 2 * 3 * 42 }, () => random() - 0.5);
    const x = { type: 'float', dims: [2, 3, 7, 6], data } as const;
    const session = await openSession(writeModel(model), { threads: 1 });
    const { y } = await session.run({ x });
    await session.release();
    const [layer] = narrowLayers(model).layers;
    const patches = layer && patchesOf(layer);
    if (!layer || !patches || !y) return t.fail();
    const [outputs = 1, columns] = [dims[0], patches.columns];
    const positions = patches.count(x) / 2;
    const row = new Float32Array(columns);
    for (let at = 0; at < patches.count(x); at += 1) {
      for (let channel = 0; channel < outputs; channel += 1) {
        const group = Math.floor((channel * groups) / outputs);
        patches.copy(x, { group, at, offset: 0 }, row);
        let sum = 0;
        for (let i = 0; i < columns; i += 1)
          sum += (row[i] ?? 0) * (layer.weights[channel * columns + i] ?? 0);
        const sample = Math.floor(at / positions);
        const got = Number(y.data[(sample * outputs + channel) * positions + (at % positions)]);
        t.true(Math.abs(sum - got) < 1e-4, `position ${at}, channel ${channel}`);
      }
    }
    return undefined;
  });
}
