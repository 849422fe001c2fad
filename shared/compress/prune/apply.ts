/** The model without the units that the record names, and with the weights it holds. Pure. */
import { FettleError } from '../../errors.ts';
import type { Model, Node } from '../../onnx/graph.ts';
import type { PruneRecord } from '../record.ts';
import { type Rewriter, rewriterOf } from '../rewriter.ts';
import { floatTensor, sizeOf } from '../tensors.ts';
import { blocksOf } from './blocks.ts';
import { withFactors } from './factors.ts';
import { dependenciesOf } from './groups.ts';
import { removeUnits } from './remove.ts';
import { withoutBlocks } from './without-blocks.ts';

/** `model` must be canonical. Throws `VARIANT_FAILED` where the record is of another model. */
export function prunedModel(model: Model, record: PruneRecord): Model {
  const dependencies = dependenciesOf(withoutNamed(model, record));
  const groups = new Map(dependencies.groups.map((group) => [group.name, group]));
  const units = new Set<number>();
  for (const [name, places] of Object.entries(record.removed)) {
    for (const place of places) {
      const unit = groups.get(name)?.units[place];
      if (unit === undefined) throw otherModel(`unit ${place} of ${name}`);
      units.add(unit);
    }
  }
  const pruned = withRanks(removeUnits(dependencies, units), record);
  const rewriter = rewriterOf(pruned.graph);
  const nodes = new Map(pruned.graph.nodes.map((node) => [node.name, node]));
  for (const [name, { weights, bias }] of Object.entries(record.weights)) {
    const node = nodes.get(name);
    if (!node) throw otherModel(`layer ${name}`);
    writeWeights(node, rewriter, {
      weights: floatsOf(weights),
      bias: bias === null ? null : floatsOf(bias),
    });
  }
  return pruned;
}

function withRanks(model: Model, { factors = {} }: PruneRecord): Model {
  if (Object.keys(factors).length === 0) return model;
  const all = Object.entries(factors);
  const split = withFactors(
    model,
    all.map(([name, { rank, weights }]) => ({ name, rank, first: floatsOf(weights) })),
  );
  if (typeof split === 'string') throw otherModel(`layer ${split}`);
  return split;
}

function withoutNamed(model: Model, { blocks = [], dropped = [] }: PruneRecord): Model {
  if (blocks.length + dropped.length === 0) return model;
  const all = blocksOf(model);
  const missing =
    blocks.find((name) => !all.some((one) => one.name === name)) ??
    dropped.find((name) => !all.some((one) => one.name === name && one.droppable));
  if (missing !== undefined) throw otherModel(`block ${missing}`);
  return withoutBlocks(model, { replaced: blocks, dropped });
}

/** Weights in the order of the node's own tensor; the constants they replace may be shared. */
export function writeWeights(
  node: Node,
  rewriter: Rewriter,
  { weights, bias }: { weights: ArrayLike<number>; bias: ArrayLike<number> | null },
): void {
  const before = rewriter.constant(node.inputs[1]);
  if (!before || sizeOf(before.dims) !== weights.length) throw otherModel(`layer ${node.name}`);
  const replaced = [node.inputs[1] ?? '', bias ? (node.inputs[2] ?? '') : ''];
  const stem = `${node.name}.fitted`;
  rewriter.setInput(node, 1, rewriter.addConstant(stem, floatTensor(before.dims, weights)));
  if (bias) {
    const name = rewriter.addConstant(`${stem}.bias`, floatTensor([bias.length], bias));
    rewriter.setInput(node, 2, name);
  }
  for (const name of replaced) {
    if (name !== '' && rewriter.consumers(name).length === 0 && !rewriter.pinned(name)) {
      rewriter.graph.initializers.delete(name);
    }
  }
}

export function textOf(values: ArrayLike<number>): string {
  return Buffer.from(Float32Array.from(values).buffer).toString('base64');
}

function floatsOf(text: string): Float32Array {
  const { buffer, byteLength } = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float32Array(buffer, 0, Math.floor(byteLength / 4));
}

function otherModel(what: string): FettleError {
  return new FettleError('VARIANT_FAILED', {
    recipe: 'of fewer channels',
    reason: `the record of measurements names ${what}, which this model does not have`,
  });
}
