/** Whether a variant that was timed is worth having, or its source is. Pure. */
import type { Quality } from '../protocol/tuning.ts';

export interface Timed {
  /** Median latencies, timed in turns. */
  readonly sourceMs: number;
  readonly variantMs: number;
  /** Of the canonical float model. */
  readonly floatMs: number;
  readonly quality: Pick<Quality, 'drop'> | null;
  /** Fewer bytes were what was asked for, and there are fewer. */
  readonly smaller: boolean;
}

export interface Worth {
  readonly take: 'variant' | 'float' | 'source';
  readonly reason: string;
}

/** Timings of one model differ by so much from run to run. */
const margin = 1.02;

/** What is slower than its source and worse too is not taken, unless it was to save bytes. */
export function worthOf({ sourceMs, variantMs, floatMs, quality, smaller }: Timed): Worth {
  const speed = `${(sourceMs / variantMs).toFixed(2)} times the source's speed`;
  const slower = variantMs > sourceMs * margin;
  const worse = quality === null || quality.drop > 0;
  if (!slower) return { take: 'variant', reason: speed };
  if (!worse) return { take: 'variant', reason: `${speed}, but nothing of quality is lost` };
  if (smaller) return { take: 'variant', reason: `${speed}, but fewer bytes, as was asked for` };
  const refused = `what was asked for has ${speed} and is not better`;
  const float = floatMs <= sourceMs * margin;
  return float
    ? { take: 'float', reason: `${refused}: the model stays float` }
    : { take: 'source', reason: `${refused}: the source stays as it is` };
}
