/** Which of the variants that were tried is taken for a speed-up that is asked for. Pure. */
import { type Recipe, recipeName } from '../recipe.ts';

export interface Candidate {
  readonly recipe: Recipe;
  /** Fitted to a part of the calibration samples, as it was judged on the rest. */
  readonly file: Uint8Array;
  /** How it was come by. */
  readonly kind: 'float' | 'prune only' | 'quantize only' | 'joint';
  readonly bytes: number;
  /** The source's median latency over its own. */
  readonly speedup: number;
  /** Noise over signal of the outputs, on calibration samples held out. */
  readonly noise: number;
}

export interface JointChoice {
  readonly chosen: Candidate;
  /** From the chosen one to those that lose less, each slower. */
  readonly milder: readonly Candidate[];
  readonly reason: string;
}

/** Those that no other beats in speed, bytes and noise at once, the fastest first. */
export function jointFront(all: readonly Candidate[]): Candidate[] {
  return all
    .filter((one) => !all.some((other) => beats(other, one)))
    .toSorted((a, b) => b.speedup - a.speedup);
}

function beats(a: Candidate, b: Candidate): boolean {
  const asGood = a.speedup >= b.speedup && a.bytes <= b.bytes && a.noise <= b.noise;
  return asGood && (a.speedup > b.speedup || a.bytes < b.bytes || a.noise < b.noise);
}

/** The one that loses least of those fast enough; where none is, the fastest. null for none. */
export function chooseJoint(all: readonly Candidate[], target: number): JointChoice | null {
  const byLoss = (a: Candidate, b: Candidate) => a.noise - b.noise || b.speedup - a.speedup;
  const enough = all.filter(({ speedup }) => speedup >= target).toSorted(byLoss);
  const fastest = all.toSorted((a, b) => b.speedup - a.speedup);
  const [chosen, second] = enough.length > 0 ? enough : fastest;
  if (!chosen) return null;
  const asked = `${target} times the source's speed was asked for`;
  const reached =
    enough.length > 0
      ? `${figuresOf(chosen)} loses least of ${enough.length} that reach it`
      : `nothing tried reaches it; ${figuresOf(chosen)} is the fastest`;
  const next = second ? `; next ${figuresOf(second)}` : '';
  const milder = all
    .filter((one) => one !== chosen && one.noise < chosen.noise)
    .toSorted((a, b) => b.noise - a.noise);
  return { chosen, milder, reason: `${asked}: ${reached}${next}; ${all.length} were tried` };
}

/** For people: the name, how it was come by, its speed and its signal to noise. */
export function figuresOf({ recipe, kind, speedup, noise }: Omit<Candidate, 'file'>): string {
  const decibel = (-10 * Math.log10(noise + 1e-12)).toFixed(1);
  return `${recipeName(recipe)} (${kind}) with ${speedup.toFixed(2)} times and ${decibel} dB`;
}
