import test from 'ava';
import { emptyChannels } from '../../../../shared/compress/calibrate/channels.ts';
import { canonicalise } from '../../../../shared/compress/canonical/canonicalise.ts';
import { equalize } from '../../../../shared/compress/correct/equalize.ts';
import { jointsOf } from '../../../../shared/compress/correct/joints.ts';
import { chooseScales } from '../../../../shared/compress/correct/scales.ts';
import { worstDifference } from '../../../support/agree.ts';
import { floats, graphOf, modelOf, nodeOf, valueNamed } from '../../../support/graphs.ts';

function wave(dims: readonly number[], phase: number) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase) / 2),
  );
}

const { model } = canonicalise(
  modelOf(
    graphOf({
      inputs: [valueNamed('x', [1, 3, 8, 8])],
      outputs: ['y'],
      initializers: {
        a: wave([4, 3, 3, 3], 0),
        b: wave([4], 1),
        d: wave([4, 1, 3, 3], 2),
        e: wave([5, 4, 1, 1], 3),
      },
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'a', 'b'], outputs: ['c'] }),
        nodeOf('Relu', { inputs: ['c'], outputs: ['r'] }),
        nodeOf('Conv', { inputs: ['r', 'd'], outputs: ['f'] }, [
          'group',
          { kind: 'int', value: 4 },
        ]),
        nodeOf('Relu', { inputs: ['f'], outputs: ['s'] }),
        nodeOf('Conv', { inputs: ['s', 'e'], outputs: ['y'] }),
      ],
    }),
  ),
);

test('activations between layers are found, the model output is not one', (t) => {
  t.deepEqual(
    jointsOf(model).map(({ value, channels }) => ({ value, channels })),
    [
      { value: 'r', channels: 4 },
      { value: 's', channels: 4 },
    ],
  );
});

test('an equalized model computes the same', async (t) => {
  const scales = { r: [1, 0.5, 0.125, 0.25], s: [0.5, 1, 0.75, 0.0625] };
  const equal = equalize(model, scales);
  t.not(equal, model);
  t.true((await worstDifference(model, equal)) < 1e-5);
});

test('channels that a depthwise layer uses are pulled up to the largest', (t) => {
  const own = emptyChannels(4);
  own.peaks.set([8, 4, 2, 0]);
  own.squares.set([1, 1, 1, 0]);
  own.count = 1;
  const { r } = chooseScales(model, new Map([['r', own]]));
  t.deepEqual(r, [1, 0.5, 0.25, 1]);
});
