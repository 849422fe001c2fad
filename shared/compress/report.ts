/** What a build says of itself: per layer what became of it, and why. */
import type { Digest } from '../digest.ts';
import type { BitWidth } from './recipe.ts';

/** Of the file, of the process that runs it, of each inference. */
export type Saving = 'bytes' | 'memory' | 'time';

export interface LayerReport {
  /** The node's name, or its first output where it has none. */
  readonly name: string;
  readonly op: string;
  /** Bits of the layer's weights as stored. */
  readonly bits: BitWidth;
  /** What computes it: 8-bit integers, or floats (whatever the weights are stored as). */
  readonly compute: 'integer' | 'float';
  /** What narrow weights save at run time; absent where nothing is narrow. */
  readonly saves?: readonly Saving[];
  /** Bits of fraction in scheme pow2: x_int = round(x·2^input), and so for weights and bias. */
  readonly fixedPoint?: {
    readonly input: number;
    readonly weights: number;
    readonly bias?: number;
  };
  /** Output channels kept, of how many; absent where all are. */
  readonly channels?: { readonly kept: number; readonly of: number };
  /** The share of weights that are zero, where the recipe makes some: that saves transfer only. */
  readonly zeros?: number;
  /** Why it is so: the rule, the limit or the measurement that decided. */
  readonly reason: string;
}

export interface Built {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly layers: readonly LayerReport[];
  /** What was done and what could not be done, one sentence each. */
  readonly notes: readonly string[];
}
