import test from 'ava';
import { emptyChannels } from '../../../../shared/compress/calibrate/channels.ts';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import { equalize } from '../../../../shared/compress/correct/equalize.ts';
import { jointsOf } from '../../../../shared/compress/correct/joints.ts';
import { chooseScales } from '../../../../shared/compress/correct/scales.ts';
import type { Node } from '../../../../shared/onnx/graph.ts';
import { worstDifference } from '../../../support/agree.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

function wave(dims: readonly number[], phase: number) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase) / 2),
  );
}

/** A convolution whose result `c` becomes `g` behind the gate, used by a depthwise one. */
function gated(gate: readonly Node[]) {
  return canonicalise(
    modelOf(
      graphOf({
        inputs: [valueNamed('x', [1, 3, 8, 8])],
        outputs: ['y'],
        initializers: { a: wave([4, 3, 3, 3], 0), b: wave([4], 1), d: wave([4, 1, 3, 3], 2) },
        nodes: [
          nodeOf('Conv', { inputs: ['x', 'a', 'b'], outputs: ['c'] }),
          ...gate,
          nodeOf('Conv', { inputs: ['g', 'd'], outputs: ['y'] }, [
            'group',
            { kind: 'int', value: 4 },
          ]),
        ],
      }),
    ),
  ).model;
}

const gates = {
  Sigmoid: [
    nodeOf('Sigmoid', { inputs: ['c'], outputs: ['s'] }),
    nodeOf('Mul', { inputs: ['c', 's'], outputs: ['g'] }),
  ],
  HardSigmoid: [
    nodeOf('HardSigmoid', { inputs: ['c'], outputs: ['s'] }),
    nodeOf('Mul', { inputs: ['s', 'c'], outputs: ['g'] }),
  ],
  HardSwish: [nodeOf('HardSwish', { inputs: ['c'], outputs: ['g'] })],
  'a Sigmoid and a squeeze': [
    nodeOf('Sigmoid', { inputs: ['c'], outputs: ['s'] }),
    nodeOf('Mul', { inputs: ['c', 's'], outputs: ['u'] }),
    nodeOf('GlobalAveragePool', { inputs: ['u'], outputs: ['p'] }),
    nodeOf('Conv', { inputs: ['p', 'e'], outputs: ['q'] }),
    nodeOf('Sigmoid', { inputs: ['q'], outputs: ['r'] }),
    nodeOf('Mul', { inputs: ['u', 'r'], outputs: ['g'] }),
  ],
};

for (const [name, nodes] of Object.entries(gates)) {
  test(`scales pass around ${name}, negative ones too`, async (t) => {
    const model = gated(nodes);
    if (name.includes('squeeze')) model.graph.initializers.set('e', wave([4, 4, 1, 1], 3));
    const [joint] = jointsOf(model);
    t.is(jointsOf(model).length, 1);
    t.true(joint?.mirrors);
    const equal = equalize(model, { [joint?.value ?? '']: [1, -0.5, 0.125, -0.03125] });
    t.not(equal, model);
    t.true((await worstDifference(model, equal)) < 1e-5);
  });
}

test('a channel that is mostly negative is mirrored', (t) => {
  const model = gated(gates.Sigmoid);
  const own = (peaks: number[], floors: number[]) => {
    const statistics = emptyChannels(4);
    statistics.peaks.set(peaks);
    statistics.floors.set(floors);
    statistics.squares.set([1, 1, 1, 1]);
    statistics.count = 1;
    return statistics;
  };
  const { g = [] } = chooseScales(
    model,
    new Map([
      ['c', own([8, 8, 0, 2], [-1, 0, -0.5, 0])],
      ['g', own([8, 8, 0, 2], [-0.25, 0, -0.25, 0])],
    ]),
  );
  t.true((g[2] ?? 0) < 0, `${g}`);
  t.true(Math.abs(g[2] ?? 1) < 0.5);
});

test('a product of two values that both take the scale is left alone', (t) => {
  const squared = [
    nodeOf('Relu', { inputs: ['c'], outputs: ['u'] }),
    nodeOf('Mul', { inputs: ['u', 'u'], outputs: ['g'] }),
  ];
  t.deepEqual(jointsOf(gated(squared)), []);
});
