/**
 * Cuts a graph into stages that run one behind the other, each in a session of its own: where the
 * slowest stage is quickest, what is handed over included. Pure.
 */
import { elementTypes, type Graph, type Model, type Node } from './graph.ts';
import { usesOf } from './walk.ts';

/** What a node was measured to take, and what it makes. */
export interface NodeCost {
  readonly microseconds: number;
  /** Of all its outputs. */
  readonly bytes: number;
  /** Element types of its outputs that have a name, in their order. */
  readonly types: readonly string[];
}

export interface Cut {
  /** The number of nodes before each cut, rising. */
  readonly positions: readonly number[];
  readonly stages: readonly StageCost[];
  readonly reason: string;
}

export interface StageCost {
  readonly microseconds: number;
  /** What it is given by the stage before it. */
  readonly bytes: number;
}

/** A stage as a model, and what it is given beside its inputs for those behind it. */
export interface StagePart {
  readonly model: Model;
  readonly inputs: readonly string[];
  /** Values that it passes on as they came. */
  readonly carries: readonly string[];
}

/** Handing a message to another thread, and moving its bytes into the runtime and out of it. */
const handOver = { microseconds: 30, bytesPerMicrosecond: 4000 } as const;
/** Beyond this, planning takes longer than it gains. */
const nodesMax = 3000;

/**
 * The cut into `stages` parts with the least slowest part; of equal ones that which hands over the
 * fewest bytes. Costs are by node, in the order of the graph. null where the graph cannot be cut
 * into so many. Partitions of a chain with the least largest part: Bokhari, "Partitioning problems
 * in parallel, pipelined, and distributed computing", IEEE Trans. Computers 37(1), 1988.
 */
export function planCut(graph: Graph, costs: readonly NodeCost[], stages: number): Cut | null {
  const count = graph.nodes.length;
  const whole = costs.length === count && count <= nodesMax && (graph.sparse?.size ?? 0) === 0;
  if (!whole || stages < 2 || !isMadeByNodes(graph)) return null;
  const crossing = crossings(graph, costs);
  const places = [...crossing.entries()].flatMap(([at, bytes]) => (bytes === null ? [] : [at]));
  const ends = [...places, count];
  const before = [0];
  for (const { microseconds } of costs) before.push((before.at(-1) ?? 0) + microseconds);
  const timeOf = (from: number, to: number) =>
    (before[to] ?? 0) - (before[from] ?? 0) + handOverTime(crossing[from] ?? 0);
  // By number of stages: for each end the best way there.
  let best = new Map(ends.map((end): [number, Way] => [end, first(timeOf(0, end))]));
  for (let stage = 2; stage <= stages; stage++) best = extend(best, { ends, timeOf, crossing });
  const way = best.get(count);
  if (!way) return null;
  return describe(way.positions, { timeOf, crossing, count, total: before[count] ?? 0 });
}

interface Way {
  readonly slowest: number;
  readonly bytes: number;
  readonly positions: readonly number[];
}

interface Chain {
  readonly ends: readonly number[];
  readonly timeOf: (from: number, to: number) => number;
  readonly crossing: readonly (number | null)[];
}

function first(slowest: number): Way {
  return { slowest, bytes: 0, positions: [] };
}

function extend(best: ReadonlyMap<number, Way>, { ends, timeOf, crossing }: Chain) {
  const next = new Map<number, Way>();
  for (const end of ends) {
    for (const [from, way] of best) {
      if (from >= end) continue;
      const slowest = Math.max(way.slowest, timeOf(from, end));
      const bytes = way.bytes + (crossing[from] ?? 0);
      const known = next.get(end);
      if (known && (known.slowest < slowest || (known.slowest === slowest && known.bytes <= bytes)))
        continue;
      next.set(end, { slowest, bytes, positions: [...way.positions, from] });
    }
  }
  return next;
}

function describe(
  positions: readonly number[],
  of: Pick<Chain, 'timeOf' | 'crossing'> & { readonly count: number; readonly total: number },
): Cut {
  const bounds = [0, ...positions, of.count];
  const stages = bounds.slice(1).map((to, at) => ({
    microseconds: of.timeOf(bounds[at] ?? 0, to),
    bytes: of.crossing[bounds[at] ?? 0] ?? 0,
  }));
  const shares = stages.map(({ microseconds }) =>
    ((100 * microseconds) / Math.max(of.total, 1e-9)).toFixed(0),
  );
  const kilobytes = stages.slice(1).map(({ bytes }) => (bytes / 1024).toFixed(1));
  const reason =
    `stages of ${shares.join(' and ')} % of the time, ` +
    `${kilobytes.join(' and ')} KiB handed over`;
  return { positions, stages, reason };
}

function handOverTime(bytes: number): number {
  return bytes === 0 ? 0 : handOver.microseconds + bytes / handOver.bytesPerMicrosecond;
}

/**
 * Bytes that cross before each node, from 0 to the number of nodes; null where a value crosses
 * whose type is not known. Inputs of the model count by no bytes: nobody says how large they are.
 */
function crossings(graph: Graph, costs: readonly NodeCost[]): (number | null)[] {
  const lastUse = lastUses(graph);
  const bytes: number[] = Array.from({ length: graph.nodes.length + 1 }, () => 0);
  const unknown = new Set<number>();
  for (const [at, node] of graph.nodes.entries()) {
    const { types, bytes: made } = costs[at] ?? { types: [], bytes: 0 };
    const named = node.outputs.filter((name) => name !== '');
    for (const [index, name] of named.entries()) {
      const last = lastUse.get(name) ?? at;
      const known = types.length === named.length && isElementType(types[index]);
      for (let place = at + 1; place <= last; place++) {
        bytes[place] = (bytes[place] ?? 0) + made / named.length;
        if (!known) unknown.add(place);
      }
    }
  }
  return bytes.map((size, at) =>
    at === 0 || at >= graph.nodes.length || unknown.has(at) ? null : size,
  );
}

/** The last node that reads a value; behind all nodes where it is an output of the graph. */
function lastUses(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  for (const [at, node] of graph.nodes.entries())
    for (const name of usesOf(node)) uses.set(name, at);
  // An output is carried to the last stage.
  for (const { name } of graph.outputs) uses.set(name, graph.nodes.length - 1);
  return uses;
}

function isMadeByNodes(graph: Graph): boolean {
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  return graph.outputs.every(({ name }) => made.has(name));
}

/** The parts of a model at these positions, in order. */
export function stageParts(
  model: Model,
  costs: readonly NodeCost[],
  positions: readonly number[],
): StagePart[] {
  const bounds = [0, ...positions, model.graph.nodes.length];
  const slices = bounds.slice(1).map((to, at) => model.graph.nodes.slice(bounds[at] ?? 0, to));
  const types = typesOf(model.graph, costs);
  return slices.map((nodes, at) =>
    partOf(model, { nodes, later: slices.slice(at + 1).flat() }, types),
  );
}

type Types = ReadonlyMap<string, keyof typeof elementTypes>;

function partOf(
  model: Model,
  { nodes, later }: { readonly nodes: readonly Node[]; readonly later: readonly Node[] },
  types: Types,
): StagePart {
  const { graph } = model;
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const used = new Set(nodes.flatMap(usesOf));
  const wanted = new Set([...later.flatMap(usesOf), ...graph.outputs.map(({ name }) => name)]);
  wanted.delete('');
  const laterMade = new Set(later.flatMap((node) => node.outputs));
  const isGiven = (name: string) => !made.has(name) && !graph.initializers.has(name);
  const inputs = [...used].filter((name) => name !== '' && isGiven(name));
  const outputs = [...made].filter((name) => name !== '' && wanted.has(name));
  const carries = [...wanted].filter((name) => isGiven(name) && !laterMade.has(name));
  const declared = new Map([...graph.inputs, ...graph.outputs].map((value) => [value.name, value]));
  const infoOf = (name: string) =>
    declared.get(name) ?? { name, type: types.get(name) ?? null, dims: null };
  const part: Graph = {
    name: graph.name,
    nodes: [...nodes],
    initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
    inputs: inputs.map(infoOf),
    outputs: outputs.map(infoOf),
    values: new Map(),
  };
  return { model: { ...model, graph: part }, inputs, carries };
}

function typesOf(graph: Graph, costs: readonly NodeCost[]): Types {
  return new Map(
    graph.nodes.flatMap((node, at) =>
      node.outputs
        .filter((name) => name !== '')
        .flatMap((name, index) => {
          const type = costs[at]?.types[index];
          return isElementType(type) ? [[name, type] as const] : [];
        }),
    ),
  );
}

function isElementType(type: string | undefined): type is keyof typeof elementTypes {
  return type !== undefined && type !== 'string' && Object.hasOwn(elementTypes, type);
}
