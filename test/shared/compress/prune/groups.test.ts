import test from 'ava';
import { inspectGroups } from '../../../../shared/compress/prune/inspect.ts';
import type { Attribute } from '../../../../shared/onnx/graph.ts';
import { graphOf, modelOf, nodeOf, valueNamed, zeros } from '../../../support/graphs.ts';

const pads: readonly [string, Attribute] = ['pads', { kind: 'ints', value: [1, 1, 1, 1] }];

test('channels go together, and what must stay says why', (t) => {
  const model = modelOf(
    graphOf({
      nodes: [
        nodeOf('Conv', { inputs: ['x', 'stem'], outputs: ['s'] }, pads),
        nodeOf('Conv', { inputs: ['s', 'w1'], outputs: ['a'] }, pads),
        nodeOf('Relu', { inputs: ['a'], outputs: ['a1'] }),
        nodeOf('Conv', { inputs: ['a1', 'w2'], outputs: ['b'] }, pads),
        nodeOf('Add', { inputs: ['b', 's'], outputs: ['c'] }),
        nodeOf('Conv', { inputs: ['c', 'dw'], outputs: ['e'] }, pads, [
          'group',
          { kind: 'int', value: 8 },
        ]),
        nodeOf('Conv', { inputs: ['e', 'w3'], outputs: ['h'] }, pads),
        nodeOf('CumSum', { inputs: ['h', 'axis'], outputs: ['k'] }),
        nodeOf('GlobalAveragePool', { inputs: ['k'], outputs: ['f'] }),
        nodeOf('Flatten', { inputs: ['f'], outputs: ['g'] }),
        nodeOf('Gemm', { inputs: ['g', 'v'], outputs: ['y'] }),
      ],
      inputs: [valueNamed('x', ['N', 3, 10, 10])],
      outputs: ['y'],
      initializers: {
        stem: zeros([8, 3, 3, 3]),
        w1: zeros([16, 8, 3, 3]),
        w2: zeros([8, 16, 3, 3]),
        dw: zeros([8, 1, 3, 3]),
        w3: zeros([6, 8, 3, 3]),
        v: zeros([6, 5]),
        axis: zeros([]),
      },
    }),
  );
  const groups = inspectGroups(model);
  t.deepEqual(
    groups.map(({ group, layers, units, prunable }) => [group, layers, units, prunable]),
    [
      ['s', ['s', 'b'], 8, 8],
      ['a', ['a'], 16, 16],
      ['h', ['h'], 6, 0],
      ['y', ['y'], 5, 0],
    ],
  );
  const [s, a, h, y] = groups.map(({ reason }) => reason);
  t.regex(s ?? '', /several layers are summed/);
  t.is(a, null);
  t.regex(h ?? '', /not followed through CumSum/);
  t.regex(y ?? '', /output of the model/);
});
