/**
 * How long each layer of a variant takes here, from the runtime's own profile of every node. Pure.
 */
import * as v from 'valibot';

/**
 * One entry of the runtime's profile (Chrome trace format): node executions are of category `Node`,
 * their names end with `_kernel_time`, and durations are microseconds
 * (onnxruntime/core/common/profiler.cc, core/framework/sequential_executor.cc).
 */
const Event = v.object({
  cat: v.literal('Node'),
  name: v.pipe(v.string(), v.endsWith('_kernel_time')),
  dur: v.number(),
  ts: v.number(),
  args: v.object({ op_name: v.string(), node_index: v.string() }),
});
type Event = v.InferOutput<typeof Event>;

/** What a layer becomes in the runtime's hands: names differ by fusion, the order does not. */
const layerOps = [
  ...['Conv', 'FusedConv', 'QLinearConv', 'ConvInteger', 'NhwcFusedConv', 'ConvTranspose'],
  ...['Gemm', 'FusedGemm', 'QGemm', 'MatMul', 'FusedMatMul', 'MatMulNBits'],
  ...['QLinearMatMul', 'MatMulInteger', 'MatMulIntegerToFloat', 'DynamicQuantizeMatMul'],
];

/**
 * Microseconds of each layer, in the order of execution: its own node and what follows it up to the
 * next layer; what comes before the first layer belongs to it. null where the profile shows another
 * number of layers than there should be.
 */
export function layerMicroseconds(trace: unknown, layers: number): number[] | null {
  const events = (Array.isArray(trace) ? trace : []).flatMap((one) => {
    const parsed = v.safeParse(Event, one);
    return parsed.success ? [parsed.output] : [];
  });
  const nodes = usualRun(events);
  const times: number[] = [];
  let before = 0;
  for (const { op, microseconds } of nodes) {
    if (layerOps.includes(op)) times.push(microseconds);
    else if (times.length === 0) before += microseconds;
    else times[times.length - 1] = (times.at(-1) ?? 0) + microseconds;
  }
  if (times.length !== layers) return null;
  return times.map((time, at) => (at === 0 ? time + before : time));
}

/** Every node once, in the order of its first execution, with its median duration. */
function usualRun(events: readonly Event[]): { op: string; microseconds: number }[] {
  const nodes = new Map<string, { op: string; first: number; durations: number[] }>();
  for (const { args, dur, ts } of events) {
    const node = nodes.get(args.node_index) ?? { op: args.op_name, first: ts, durations: [] };
    node.first = Math.min(node.first, ts);
    node.durations.push(dur);
    nodes.set(args.node_index, node);
  }
  return [...nodes.values()]
    .toSorted((a, b) => a.first - b.first)
    .map(({ op, durations }) => ({ op, microseconds: medianOf(durations) }));
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
