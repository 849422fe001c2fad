/** Takes units out of a model: constants, attributes and sizes shrink, nothing else changes. */
import { FettleError } from '../../errors.ts';
import { elementTypes, type Model, type Node, type Tensor } from '../../onnx/graph.ts';
import { int } from '../attributes.ts';
import { copyModel } from '../canonical/copy.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import { int64Tensor, integersOf, sizeOf } from '../tensors.ts';
import type { Dependencies } from './groups.ts';
import type { Fix } from './tracker.ts';

/**
 * A new, smaller model without the units (as `Group.units` numbers them) of the model that
 * `dependencies` were found for. Throws `VARIANT_FAILED` where a unit must stay or a value would
 * lose its last channel.
 */
export function removeUnits({ tracker }: Dependencies, units: ReadonlySet<number>): Model {
  const { identities, axes } = tracker;
  for (const unit of units) {
    const reason = identities.frozen(unit);
    if (reason !== undefined) throw failed(`a channel must stay: ${reason}`);
  }
  const stays = (identity: number) => !units.has(identities.root(identity));
  const model = copyModel(tracker.model);
  const { graph } = model;
  for (const [value, own] of axes) {
    const cut = own.map((axis) => (axis?.every(stays) === false ? axis : null));
    if (cut.every((axis) => axis === null)) continue;
    if (cut.some((axis) => axis && !axis.some(stays))) {
      throw failed(`"${value}" would have no channels`);
    }
    graph.values.delete(value);
    const tensor = graph.initializers.get(value);
    if (!tensor) continue;
    const kept = cut.map((axis) => axis && [...axis.keys()].filter((at) => stays(axis[at] ?? 0)));
    graph.initializers.set(value, sliced(tensor, kept));
  }
  const rewriter = rewriterOf(graph);
  const copies = new Map(tracker.model.graph.nodes.map((node, at) => [node, graph.nodes[at]]));
  for (const fix of tracker.fixes) {
    const node = copies.get(fix.node);
    if (node) apply(fix, { node, rewriter, stays });
  }
  return model;
}

function failed(reason: string): FettleError {
  return new FettleError('VARIANT_FAILED', { recipe: 'of fewer channels', reason });
}

/** Keeps the listed indices of each axis; null keeps all. */
function sliced(tensor: Tensor, kept: readonly (readonly number[] | null)[]): Tensor {
  const width = elementTypes[tensor.type].bits / 8;
  let { dims, bytes }: { dims: readonly number[]; bytes: Uint8Array } = tensor;
  for (const [axis, indices] of kept.entries()) {
    if (!indices) continue;
    const inner = sizeOf(dims.slice(axis + 1)) * width;
    const size = dims[axis] ?? 1;
    const outer = sizeOf(dims.slice(0, axis));
    const cut = new Uint8Array(outer * indices.length * inner);
    let to = 0;
    for (let i = 0; i < outer; i += 1) {
      for (const index of indices) {
        const from = (i * size + index) * inner;
        cut.set(bytes.subarray(from, from + inner), to);
        to += inner;
      }
    }
    dims = dims.map((own, at) => (at === axis ? indices.length : own));
    bytes = cut;
  }
  return { type: tensor.type, dims, bytes };
}

interface Place {
  readonly node: Node;
  readonly rewriter: Rewriter;
  stays(identity: number): boolean;
}

function apply(fix: Fix, { node, rewriter, stays }: Place): void {
  const count = (axis: readonly number[]) => axis.filter(stays).length;
  const write = (input: number, change: (values: number[]) => void) => {
    const before = rewriter.constant(node.inputs[input]);
    const values = integersOf(before);
    if (!before || !values) return;
    const after = [...values];
    change(after);
    // The constant may be shared with nodes whose sizes stay.
    if (after.every((value, at) => value === values[at])) return;
    const tensor =
      before.type === 'int32' ? int32Of(before.dims, after) : int64Tensor(before.dims, after);
    rewriter.setInput(node, input, rewriter.addConstant(`${node.inputs[input]}.pruned`, tensor));
  };
  switch (fix.kind) {
    case 'group':
      node.attributes.set('group', int(count(fix.axis)));
      return;
    case 'size':
      write(fix.input, (values) => {
        values[fix.entry] = count(fix.axis);
      });
      return;
    case 'bounds':
      write(1, (values) => {
        values[fix.entry] = count(fix.axis.slice(0, fix.start));
      });
      write(2, (values) => {
        values[fix.entry] = count(fix.axis.slice(0, fix.end));
      });
      return;
    case 'parts': {
      const sizes = fix.parts.map(count);
      if (sizes.every((size, at) => size === fix.parts[at]?.length)) return;
      const tensor = int64Tensor([sizes.length], sizes);
      node.attributes.delete('num_outputs');
      rewriter.setInput(node, 1, rewriter.addConstant(`${node.name}.parts`, tensor));
    }
  }
}

function int32Of(dims: readonly number[], values: readonly number[]): Tensor {
  return { type: 'int32', dims, bytes: new Uint8Array(Int32Array.from(values).buffer) };
}
