/** What each node of a model takes and makes, from the runtime's own profile. Pure. */
import * as v from 'valibot';
import type { NodeCost } from '../../../shared/onnx/cut.ts';

/** See `agent/tune/node-profile.ts`; shapes are one record a value, with its type as the key. */
const Event = v.object({
  cat: v.literal('Node'),
  name: v.pipe(v.string(), v.endsWith('_kernel_time')),
  dur: v.number(),
  args: v.object({
    output_size: v.string(),
    output_type_shape: v.array(v.record(v.string(), v.unknown())),
  }),
});
const suffix = '_kernel_time';

/**
 * By node, in the order of `names`: the median duration, and the most that it made. null where a
 * node does not appear under its name.
 */
export function nodeCosts(trace: unknown, names: readonly string[]): NodeCost[] | null {
  const seen = new Map<string, { durations: number[]; bytes: number; types: string[] }>();
  for (const one of Array.isArray(trace) ? trace : []) {
    const parsed = v.safeParse(Event, one);
    if (!parsed.success) continue;
    const { name, dur, args } = parsed.output;
    const key = name.slice(0, -suffix.length);
    const types = args.output_type_shape.flatMap((shape) => Object.keys(shape).slice(0, 1));
    const node = seen.get(key) ?? { durations: [], bytes: 0, types };
    node.durations.push(dur);
    node.bytes = Math.max(node.bytes, Number(args.output_size) || 0);
    seen.set(key, node);
  }
  const costs = names.flatMap((name) => {
    const node = seen.get(name);
    return node
      ? [{ microseconds: median(node.durations), bytes: node.bytes, types: node.types }]
      : [];
  });
  return costs.length === names.length ? costs : null;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
