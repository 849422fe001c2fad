/** Changes of shape: axes are merged and parted, their elements keep their order. */
import type { Dimension, Node } from '../../../onnx/graph.ts';
import { nodeLabel } from '../../../onnx/walk.ts';
import type { Axis, Tracker } from '../tracker.ts';

export function reshapes(node: Node, tracker: Tracker): boolean {
  const [input = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const [axes, from, to] = [tracker.axesOf(input), tracker.dims(input), tracker.dims(output)];
  if (!axes || !from || !to) return false;
  const made: Axis[] = to.map(() => null);
  const blocks = blocksOf(from, to);
  for (const [at, axis] of axes.entries()) {
    const inside = blocks.some((block) => block.from.includes(at));
    if (!inside) tracker.freeze([axis], `${nodeLabel(node)} mixes its channels with other sizes`);
  }
  for (const block of blocks) follow({ node, axes, from, to, made }, block, tracker);
  if (node.op === 'Reshape' && !writeSizes(node, made, tracker)) return false;
  tracker.axes.set(output, made);
  return true;
}

/** Axes before and after that hold the same elements. */
interface Block {
  readonly from: number[];
  readonly to: number[];
}

/** From both ends inwards would find more; from the front is enough for what exporters write. */
function blocksOf(from: readonly Dimension[], to: readonly Dimension[]): Block[] {
  const blocks: Block[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const block: Block = { from: [], to: [] };
    const same = i < from.length && j < to.length && from[i] === to[j] && from[i] !== null;
    const open = i === 0 && j === 0 && typeof from[0] !== 'number' && typeof to[0] !== 'number';
    if (same || (open && from.length > 0 && to.length > 0)) {
      blocks.push({ from: [i], to: [j] });
      i += 1;
      j += 1;
      continue;
    }
    let [left, right] = [1, 1];
    do {
      if (left <= right && i < from.length) {
        left *= numeric(from[i]);
        block.from.push(i);
        i += 1;
      } else if (j < to.length) {
        right *= numeric(to[j]);
        block.to.push(j);
        j += 1;
      } else if (i < from.length) {
        left *= numeric(from[i]);
        block.from.push(i);
        i += 1;
      }
      if (Number.isNaN(left * right)) return blocks;
    } while (left !== right && (i < from.length || j < to.length));
    if (left !== right) return blocks;
    blocks.push(block);
  }
  return blocks;
}

function numeric(size: Dimension | undefined): number {
  return typeof size === 'number' ? size : Number.NaN;
}

interface Shapes {
  readonly node: Node;
  readonly axes: readonly Axis[];
  readonly from: readonly Dimension[];
  readonly to: readonly Dimension[];
  readonly made: Axis[];
}

function follow({ node, axes, from, to, made }: Shapes, block: Block, tracker: Tracker): void {
  const tracked = block.from.filter((at) => axes[at] && from[at] !== 1);
  const wide = block.to.filter((at) => to[at] !== 1);
  const [only] = tracked;
  const axis = only === undefined ? null : axes[only];
  const [target] = wide;
  if (axis && tracked.length === 1 && wide.length === 1 && target !== undefined) {
    made[target] = repeated(axis, { at: only ?? 0, block, from });
    return;
  }
  const alone = block.from.filter((at) => from[at] !== 1).length === 1;
  if (axis && alone && wide.length > 1) {
    const sizes = wide.map((at) => numeric(to[at]));
    const { kept, parts } = parted(axis, sizes, tracker);
    made[wide[kept] ?? 0] = parts;
    return;
  }
  tracker.freeze(
    block.from.map((at) => axes[at]),
    `${nodeLabel(node)} mixes its channels with other sizes`,
  );
}

/** Merged with other axes, each channel stands for all elements it had with them. */
function repeated(
  axis: readonly number[],
  { at, block, from }: { at: number; block: Block; from: readonly Dimension[] },
): number[] {
  const count = (axes: readonly number[]) =>
    axes.reduce((product, each) => product * numeric(from[each]), 1);
  const before = count(block.from.filter((each) => each < at));
  const after = count(block.from.filter((each) => each > at));
  const once = axis.flatMap((identity) => new Array<number>(after).fill(identity));
  return Array.from({ length: before }, () => once).flat();
}

/**
 * One axis becomes several: one of them carries the channels, and those that differ only along
 * the others become one. The axis that unites nothing is taken, else the last.
 */
function parted(
  axis: readonly number[],
  sizes: readonly number[],
  { identities }: Tracker,
): { kept: number; parts: readonly number[] } {
  const along = (kept: number) => {
    const inner = sizes.slice(kept + 1).reduce((product, size) => product * size, 1);
    const size = sizes[kept] ?? 1;
    return { size, of: (index: number) => Math.floor(index / inner) % size };
  };
  const free = sizes.findIndex((_, kept) => {
    const { of } = along(kept);
    const seen = new Map<number, number>();
    return axis.every((identity, index) => {
      const known = seen.get(of(index));
      seen.set(of(index), identities.root(identity));
      return known === undefined || known === identities.root(identity);
    });
  });
  const kept = free >= 0 ? free : sizes.length - 1;
  const { size, of } = along(kept);
  const parts = new Array<number>(size);
  axis.forEach((identity, index) => {
    const known = parts[of(index)];
    if (known === undefined) parts[of(index)] = identity;
    else identities.unite(known, identity);
  });
  return { kept, parts };
}

/** A constant shape names the sizes of channels; where it is computed they must stay. */
function writeSizes(node: Node, made: readonly Axis[], tracker: Tracker): boolean {
  const sizes = tracker.integers(node.inputs[1]);
  if (!sizes) return made.every((axis) => axis === null);
  made.forEach((axis, entry) => {
    if (axis && (sizes[entry] ?? 0) > 0) {
      tracker.fixes.push({ kind: 'size', node, input: 1, entry, axis });
    }
  });
  // A 0 copies the input's size at this place, which may now be another channel's.
  return sizes.every(
    (size, entry) => size !== 0 || !made[entry] || sameIndex(node, entry, tracker),
  );
}

function sameIndex(node: Node, entry: number, tracker: Tracker): boolean {
  const input = tracker.axesOf(node.inputs[0] ?? '')?.[entry];
  const size = tracker.dims(node.outputs[0] ?? '')?.[entry];
  return input?.length === size;
}
