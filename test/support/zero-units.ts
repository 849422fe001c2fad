/** What removing units must equal: the whole model with every constant's slices of them zeroed. */
import { copyModel } from '../../shared/compress/canonical/copy.ts';
import type { Dependencies } from '../../shared/compress/prune/groups.ts';
import { elementTypes, type Model, type Tensor } from '../../shared/onnx/graph.ts';

export function zeroUnits({ tracker }: Dependencies, units: ReadonlySet<number>): Model {
  const { identities, axes } = tracker;
  const model = copyModel(tracker.model);
  for (const [value, own] of axes) {
    const tensor = model.graph.initializers.get(value);
    if (!tensor) continue;
    const gone = own.map(
      (axis) => new Set(axis?.flatMap((id, at) => (units.has(identities.root(id)) ? [at] : []))),
    );
    if (gone.some(({ size }) => size > 0)) {
      model.graph.initializers.set(value, zeroed(tensor, gone));
    }
  }
  return model;
}

function zeroed(tensor: Tensor, gone: readonly ReadonlySet<number>[]): Tensor {
  const width = elementTypes[tensor.type].bits / 8;
  const bytes = Uint8Array.from(tensor.bytes);
  for (let i = 0; i * width < bytes.length; i += 1) {
    let rest = i;
    let hit = false;
    for (let axis = tensor.dims.length - 1; axis >= 0; axis -= 1) {
      const size = tensor.dims[axis] ?? 1;
      hit ||= gone[axis]?.has(rest % size) ?? false;
      rest = Math.floor(rest / size);
    }
    if (hit) bytes.fill(0, i * width, (i + 1) * width);
  }
  return { ...tensor, bytes };
}
