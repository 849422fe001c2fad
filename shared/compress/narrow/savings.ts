/** Says in one sentence each what a model with narrow weights saves, and what it does not. */
import type { LayerReport } from '../report.ts';

export function savingsOf(layers: readonly LayerReport[]): string[] {
  const packed = layers.filter(({ saves }) => saves?.includes('memory')).length;
  const stored = layers.filter(({ saves }) => saves !== undefined).length - packed;
  const notes: string[] = [];
  if (packed > 0) {
    notes.push(
      `${packed} layers compute with packed weights: that saves bytes and memory, ` +
        'and time where few rows are multiplied at a time.',
    );
  }
  if (stored > 0) {
    notes.push(
      `${stored} layers are unpacked to float when the model is loaded: ` +
        'that saves bytes only, no memory and no time.',
    );
  }
  return notes;
}
