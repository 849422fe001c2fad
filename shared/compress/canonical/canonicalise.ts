/** Brings a model into the one form that calibration, quantization and pruning work on. */
import { type Graph, type Model, overridable } from '../../onnx/graph.ts';
import { inlineFunctions } from '../../onnx/inline.ts';
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
import { oldestOpset, quantizableOpset, upgradeOpset } from './opset.ts';
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

/** Rewrites that understand every operator set from 7 on. */
const anyOpset: readonly Rewrite[] = [constants, identity, dead];

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

/** Everything that may be left out of canonicalising, in the order in which it is done. */
export const rewriteNames: readonly string[] = [
  'functions',
  'opset',
  ...[...always, transposes].map(({ name }) => name),
];

/**
 * A new model that computes the same; the given one is not changed. Constants may share bytes.
 * `without` names rewrites that are left out.
 */
export function canonicalise(source: Model, without: readonly string[] = []): Canonical {
  const plain = settle(source, always, without);
  if (transposesIn(plain.model.graph) === 0 || without.includes(transposes.name)) return plain;
  // Moving Transposes about pays only where it takes some away.
  const moved = settle(source, [...always, transposes], without);
  return transposesIn(moved.model.graph) < transposesIn(plain.model.graph) ? moved : plain;
}

function settle(source: Model, all: readonly Rewrite[], without: readonly string[]): Canonical {
  const plain = without.includes('functions')
    ? { model: source, refused: null }
    : inlineFunctions(source);
  const { model, refused } = upgradedCopy(plain.model, without);
  const counts = new Map<Rewrite, number>();
  const fixed = noLongerGiven(source);
  const notes: string[] = fixed === null ? [] : [fixed];
  if (plain.refused) notes.push(`Functions of the model stay: ${plain.refused}.`);
  if (refused) notes.push(`The model keeps its operator set: ${refused}.`);
  const rewrites = understood(model, all).filter(({ name }) => !without.includes(name));
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

interface Copy {
  readonly model: Model;
  /** Why it keeps its operator set; undefined where it did not have to or is written anew. */
  readonly refused: string | undefined;
}

function upgradedCopy(source: Model, without: readonly string[]): Copy {
  const model = freeCopy(source);
  if (without.includes('opset')) return { model, refused: undefined };
  const { rewriter, shape } = contextOf(model);
  const refused = upgradeOpset(model, rewriter, (value) => shape(value)?.length);
  // A copy that was given up half-way holds nodes of both operator sets.
  return refused === undefined ? { model, refused } : { model: freeCopy(source), refused };
}

function freeCopy(source: Model): Model {
  const model = copyModel(source);
  freeConstants(model);
  return model;
}

/** Rewrites that know the forms which the operators have in the model's operator set. */
function understood({ opsets }: Model, all: readonly Rewrite[]): readonly Rewrite[] {
  const opset = opsets.get('') ?? 0;
  if (opset >= quantizableOpset) return all;
  return opset >= oldestOpset ? anyOpset : [];
}

/** From IR version 4 on initializers need not be inputs; as inputs they would not be constant. */
function freeConstants(model: Model): void {
  const { graph } = model;
  const given = new Set(overridable(model));
  model.irVersion = Math.max(model.irVersion, 4);
  graph.inputs = graph.inputs.filter(
    ({ name }) => !graph.initializers.has(name) || given.has(name),
  );
}

/** Constants that callers could replace where the exporter meant no such thing; null for none. */
function noLongerGiven(source: Model): string | null {
  const { inputs, initializers } = source.graph;
  const listed = inputs.filter(({ name }) => initializers.has(name));
  if (source.irVersion < 4 || listed.length === 0 || overridable(source).length > 0) return null;
  return `All ${listed.length} constants are inputs too: they can no longer be given.`;
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
