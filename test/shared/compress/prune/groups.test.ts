import test from 'ava';
import { inspectGroups } from '../../../../shared/compress/prune/inspect.ts';
import type { Attribute } from '../../../../shared/onnx/graph.ts';
import { graphOf, modelOf, nodeOf, valueNamed, zeros } from '../../../support/graphs.ts';

const pads: readonly [string, Attribute] = ['pads', { kind: 'ints', value: [1, 1, 1, 1] }];

test('channels go together, and what must stay says why', (t) => {
  const model = modelOf(
    graphOf({
      nodes: [
        nodeOf('Conv', ['x', 'stem'], ['s'], pads),
        nodeOf('Conv', ['s', 'w1'], ['a'], pads),
        nodeOf('Relu', ['a'], ['a1']),
        nodeOf('Conv', ['a1', 'w2'], ['b'], pads),
        nodeOf('Add', ['b', 's'], ['c']),
        nodeOf('Conv', ['c', 'dw'], ['e'], pads, ['group', { kind: 'int', value: 8 }]),
        nodeOf('Conv', ['e', 'w3'], ['h'], pads),
        nodeOf('CumSum', ['h', 'axis'], ['k']),
        nodeOf('GlobalAveragePool', ['k'], ['f']),
        nodeOf('Flatten', ['f'], ['g']),
        nodeOf('Gemm', ['g', 'v'], ['y']),
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
