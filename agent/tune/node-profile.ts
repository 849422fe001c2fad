/**
 * How long each layer of a variant takes here, from the runtime's own profile of every node. Pure.
 */
import * as v from 'valibot';

/**
 * One entry of the runtime's profile (Chrome trace format): node executions are of category `Node`,
 * their names end with `_kernel_time`, and durations are microseconds
 * (onnxruntime/core/common/profiler.cc, core/framework/sequential_executor.cc).
 */
const suffix = '_kernel_time';
const Event = v.object({
  cat: v.literal('Node'),
  name: v.pipe(v.string(), v.endsWith(suffix)),
  dur: v.number(),
  ts: v.number(),
  args: v.object({ op_name: v.string(), node_index: v.string() }),
});
type Event = v.InferOutput<typeof Event>;

/** What a layer becomes in the runtime's hands. */
export const layerOps: readonly string[] = [
  ...['Conv', 'FusedConv', 'QLinearConv', 'ConvInteger', 'NhwcFusedConv', 'ConvTranspose'],
  ...['Gemm', 'FusedGemm', 'QGemm', 'MatMul', 'FusedMatMul', 'MatMulNBits'],
  ...['QLinearMatMul', 'MatMulInteger', 'MatMulIntegerToFloat', 'DynamicQuantizeMatMul'],
];

/** The layer of that name, as an index; null where none is meant. */
export type LayerNamed = (name: string) => number | null;

/**
 * Microseconds of each of so many layers: its own node and what follows it up to the next layer;
 * what comes before the first layer belongs to it. Branches run in another order than they are
 * written in, so layers are told by their names; by their order only where the names tell nothing.
 * A layer that the profile does not show, as where another variant does without it, is null; all
 * are where names fail and it shows another number of them.
 */
export function layerMicroseconds(
  trace: unknown,
  layers: number,
  named: LayerNamed = () => null,
): (number | null)[] | null {
  const events = (Array.isArray(trace) ? trace : []).flatMap((one) => {
    const parsed = v.safeParse(Event, one);
    return parsed.success ? [parsed.output] : [];
  });
  const nodes = usualRun(events);
  const places = placesOf(nodes, layers, named);
  if (places === null) return null;
  const times: (number | null)[] = new Array(layers).fill(null);
  let at = places.find((place) => place !== null) ?? 0;
  for (const [index, { microseconds }] of nodes.entries()) {
    at = places[index] ?? at;
    times[at] = (times[at] ?? 0) + microseconds;
  }
  return times;
}

/** For each node its layer; null where it belongs to the one before it. */
function placesOf(
  nodes: readonly UsualNode[],
  layers: number,
  named: LayerNamed,
): (number | null)[] | null {
  const isLayer = ({ op }: UsualNode) => layerOps.includes(op);
  const byName = nodes.map((node) => (isLayer(node) ? named(node.name) : null));
  const found = byName.filter((place) => place !== null);
  const whole = found.length === layers || found.length === nodes.filter(isLayer).length;
  if (found.length > 0 && whole && new Set(found).size === found.length) return byName;
  let next = 0;
  const byOrder = nodes.map((node) => (isLayer(node) ? next++ : null));
  return next === layers ? byOrder : null;
}

interface UsualNode {
  readonly name: string;
  readonly op: string;
  readonly microseconds: number;
}

/** Every node once, in the order of its first execution, with its median duration. */
function usualRun(events: readonly Event[]): UsualNode[] {
  const nodes = new Map<string, { name: string; op: string; first: number; durations: number[] }>();
  for (const { args, dur, ts, name: kernel } of events) {
    const name = kernel.slice(0, -suffix.length);
    const known = nodes.get(args.node_index);
    const node = known ?? { name, op: args.op_name, first: ts, durations: [] };
    node.first = Math.min(node.first, ts);
    node.durations.push(dur);
    nodes.set(args.node_index, node);
  }
  return [...nodes.values()]
    .toSorted((a, b) => a.first - b.first)
    .map(({ name, op, durations }) => ({ name, op, microseconds: medianOf(durations) }));
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
