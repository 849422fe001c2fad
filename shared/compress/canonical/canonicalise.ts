/** Brings a model into the one form that calibration, quantization and pruning work on. */
import type { Graph, Model } from '../../onnx/graph.ts';
import { orderNodes } from '../../onnx/order.ts';
import { activation } from './activation.ts';
import { batchNorm } from './batchnorm.ts';
import { arithmeticAfter, arithmeticBefore } from './channel-arithmetic.ts';
import { constants } from './constants.ts';
import { contextOf } from './context.ts';
import { copyModel } from './copy.ts';
import { dead } from './dead.ts';
import { gemm } from './gemm.ts';
import { identity } from './identity.ts';
import { upgradeOpset } from './opset.ts';
import { explicitPads, padding } from './padding.ts';
import { pooling } from './pooling.ts';
import { reshapes } from './reshapes.ts';
import type { Rewrite } from './rewrite.ts';
import { shortcut } from './shortcut.ts';
import { transposes } from './transposes.ts';

export interface Canonical {
  readonly model: Model;
  /** What was rewritten, in how many places and why; only rewrites that did something. */
  readonly changes: readonly { rewrite: string; count: number; reason: string }[];
  /** What keeps the model from the canonical form, one sentence each. */
  readonly notes: readonly string[];
}

const always: readonly Rewrite[] = [
  constants,
  identity,
  dead,
  activation,
  batchNorm,
  arithmeticAfter,
  arithmeticBefore,
  explicitPads,
  padding,
  pooling,
  shortcut,
  reshapes,
  gemm,
];

/** Graphs settle in a few rounds; the bound guards against two rewrites that undo each other. */
const maxRounds = 30;

/** A new model that computes the same; the given one is not changed. Constants may share bytes. */
export function canonicalise(source: Model): Canonical {
  const plain = settle(source, always);
  if (transposesIn(plain.model.graph) === 0) return plain;
  // Moving Transposes about pays only where it takes some away.
  const moved = settle(source, [...always, transposes]);
  return transposesIn(moved.model.graph) < transposesIn(plain.model.graph) ? moved : plain;
}

function settle(source: Model, rewrites: readonly Rewrite[]): Canonical {
  const model = copyModel(source);
  freeConstants(model);
  const counts = new Map<Rewrite, number>();
  const notes: string[] = [];
  const first = contextOf(model);
  const refused = upgradeOpset(model, first.rewriter, (value) => first.shape(value)?.length);
  if (refused) notes.push(`The model keeps its operator set: ${refused}.`);
  for (let round = 0; round < maxRounds; round += 1) {
    let changed = 0;
    for (const rewrite of rewrites) {
      const count = rewrite.apply(contextOf(model));
      if (count > 0) counts.set(rewrite, (counts.get(rewrite) ?? 0) + count);
      changed += count;
    }
    if (changed === 0) break;
  }
  tidy(model.graph);
  const changes = [...counts].map(([{ name, reason }, count]) => ({
    rewrite: name,
    count,
    reason,
  }));
  return { model, changes, notes };
}

/** From IR version 4 on initializers need not be inputs; as inputs they would not be constant. */
function freeConstants(model: Model): void {
  const { graph } = model;
  model.irVersion = Math.max(model.irVersion, 4);
  graph.inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name));
}

function tidy(graph: Graph): void {
  const order = orderNodes(graph.nodes);
  if ('nodes' in order) graph.nodes = order.nodes;
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  for (const name of graph.values.keys()) if (!made.has(name)) graph.values.delete(name);
}

function transposesIn(graph: Graph): number {
  return graph.nodes.filter((node) => node.op === 'Transpose').length;
}
