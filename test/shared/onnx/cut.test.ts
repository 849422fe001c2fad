import test from 'ava';
import { type NodeCost, planCut, stageParts } from '../../../shared/onnx/cut.ts';
import type { Graph } from '../../../shared/onnx/graph.ts';
import { graphOf, modelOf, nodeOf, valueNamed, zeros } from '../../support/graphs.ts';

const cost = (microseconds: number, bytes = 1000): NodeCost => ({
  ...{ microseconds, bytes, types: ['float'] },
});

/** x → a → b → c → d = y, each from the one before and the constant w. */
function chain(): Graph {
  const names = ['x', 'a', 'b', 'c', 'y'];
  const nodes = names.slice(1).map((output, at) => {
    return nodeOf('Add', { inputs: [names[at] ?? '', 'w'], outputs: [output] });
  });
  const graph = graphOf({
    ...{ nodes, inputs: [valueNamed('x', [1])], outputs: [], initializers: { w: zeros([1]) } },
  });
  return { ...graph, outputs: [valueNamed('y', [1])] };
}

test('the slowest stage is as quick as it can be', (t) => {
  const plan = planCut(
    chain(),
    [100, 100, 100, 300].map((time) => cost(time)),
    2,
  );
  t.deepEqual(plan?.positions, [3]);
  t.regex(plan?.reason ?? '', /stages of 50 and 55 % of the time, 1\.0 KiB handed over/);
  t.deepEqual(
    planCut(
      chain(),
      [50, 400, 400, 50].map((time) => cost(time)),
      2,
    )?.positions,
    [2],
  );
});

test('what is handed over counts: a small value beats a perfect balance', (t) => {
  const costs = [cost(100), cost(100, 4_000_000), cost(100), cost(100)];
  t.deepEqual(planCut(chain(), costs, 2)?.positions, [3]);
});

test('as many stages as asked for, or none', (t) => {
  const costs = [100, 100, 100, 100].map((time) => cost(time));
  t.deepEqual(planCut(chain(), costs, 4)?.positions, [1, 2, 3]);
  t.is(planCut(chain(), costs, 5), null);
  t.is(planCut(chain(), costs, 1), null);
  t.is(planCut(chain(), costs.slice(1), 2), null);
});

test('no cut where a value crosses whose type is not known', (t) => {
  const unknown = { ...cost(100), types: [] };
  const costs = [cost(100), unknown, cost(100), cost(100)];
  t.deepEqual(planCut(chain(), costs, 2)?.positions, [3]);
  t.is(
    planCut(
      chain(),
      costs.map(() => unknown),
      2,
    ),
    null,
  );
});

test('parts name what they are fed, and carry what later ones need', (t) => {
  const graph = chain();
  // The last node reads the input and the first value too; the second value is an output.
  graph.nodes[3] = nodeOf('Sum', { inputs: ['x', 'a', 'c'], outputs: ['y'] });
  graph.outputs = [valueNamed('y', [1]), valueNamed('b', [1])];
  const costs = graph.nodes.map(() => cost(100));
  const [first, second, third] = stageParts(modelOf(graph), costs, [1, 3]);
  t.deepEqual([first?.inputs, first?.carries], [['x'], ['x']]);
  t.deepEqual(namesOf(first?.model.graph), ['a']);
  t.deepEqual([second?.inputs, second?.carries.toSorted()], [['a'], ['a', 'x']]);
  t.deepEqual(namesOf(second?.model.graph).toSorted(), ['b', 'c']);
  t.deepEqual([third?.inputs, third?.carries], [['x', 'a', 'c'], ['b']]);
  t.deepEqual(namesOf(third?.model.graph), ['y']);
  t.deepEqual([...(first?.model.graph.initializers.keys() ?? [])], ['w']);
  t.deepEqual([...(third?.model.graph.initializers.keys() ?? [])], []);
  t.is(third?.model.graph.inputs.find(({ name }) => name === 'c')?.type, 'float');
});

function namesOf(graph: Graph | undefined): string[] {
  return graph?.outputs.map(({ name }) => name) ?? [];
}
