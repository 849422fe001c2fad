/** What is known of the channels of each value while they are followed through a graph. */
import type { Dimension, Model, Node, Tensor } from '../../onnx/graph.ts';
import { inferShapes } from '../../onnx/shapes.ts';
import { nodeLabel } from '../../onnx/walk.ts';
import { integersOf } from '../tensors.ts';
import { createIdentities, type Identities } from './identities.ts';

/** An identity for each index of an axis; null where the axis cannot lose any. */
export type Axis = readonly number[] | null;
/** One entry for each axis of a value. */
export type Axes = readonly Axis[];

/** What must be written anew when channels go, besides the constants that hold them. */
export type Fix =
  /** The attribute `group` is the number of these channels. */
  | { readonly kind: 'group'; readonly node: Node; readonly axis: readonly number[] }
  /** An element of an integer constant is the number of these channels. */
  | {
      readonly kind: 'size';
      readonly node: Node;
      readonly input: number;
      readonly entry: number;
      readonly axis: readonly number[];
    }
  /** Start and end of a Slice count channels of this axis. */
  | {
      readonly kind: 'bounds';
      readonly node: Node;
      readonly entry: number;
      readonly axis: readonly number[];
      readonly start: number;
      readonly end: number;
    }
  /** A Split without sizes gets sizes: the channels of each part. */
  | { readonly kind: 'parts'; readonly node: Node; readonly parts: readonly (readonly number[])[] };

/** A layer that makes channels of its own. */
export interface Producer {
  readonly node: Node;
  readonly axis: readonly number[];
}

/** A layer that mixes the channels it reads: weights along `axis` of its second input. */
export interface Mixer {
  readonly node: Node;
  readonly axis: readonly number[];
}

export interface Tracker {
  readonly model: Model;
  readonly identities: Identities;
  /** By value; constants too, once something asked for them. */
  readonly axes: Map<string, Axes>;
  readonly fixes: Fix[];
  readonly producers: Producer[];
  readonly mixers: Mixer[];
  /** Sums of several activations: who is tied by them. */
  readonly sums: (readonly number[])[];
  /** null where the rank is not known. */
  axesOf(value: string): Axes | null;
  dims(value: string): readonly Dimension[] | null;
  constant(value: string | undefined): Tensor | undefined;
  integers(value: string | undefined): number[] | undefined;
  /** Elementwise the same channels; where they cannot be, both must stay. */
  tie(a: Axis | undefined, b: Axis | undefined, node: Node): void;
  freeze(axes: readonly (Axis | undefined)[], reason: string): void;
}

export function trackerOf(model: Model): Tracker {
  const identities = createIdentities();
  const shapes = inferShapes(model);
  const axes = new Map<string, Axes>();
  const constant = (value: string | undefined) =>
    value === undefined ? undefined : model.graph.initializers.get(value);
  const freeze: Tracker['freeze'] = (list, reason) => {
    for (const axis of list) if (axis) identities.freeze(axis, reason);
  };
  return {
    ...{ model, identities, axes, constant, freeze },
    ...{ fixes: [], producers: [], mixers: [], sums: [] },
    dims: (value) => shapes.get(value)?.dims ?? null,
    integers: (value) => integersOf(constant(value)),
    axesOf(value) {
      const known = axes.get(value);
      if (known) return known;
      const tensor = constant(value);
      const made = tensor
        ? tensor.dims.map((size) => identities.fresh(size))
        : (shapes.get(value)?.dims?.map(() => null) ?? null);
      if (made) axes.set(value, made);
      return made;
    },
    tie(a, b, node) {
      if (a && b && a.length === b.length) {
        a.forEach((identity, at) => {
          identities.unite(identity, b[at] ?? identity);
        });
      } else freeze([a, b], `${nodeLabel(node)} ties its channels to what cannot lose any`);
    },
  };
}
