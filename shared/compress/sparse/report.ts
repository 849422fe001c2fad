/** Says of each layer how many of its weights are zero, and of all what that saves. */
import { own } from '../../own.ts';
import type { PruneRecord } from '../record.ts';
import type { LayerReport } from '../report.ts';

export function withZeros(
  layers: readonly LayerReport[],
  { zeros = {} }: PruneRecord,
): readonly LayerReport[] {
  return layers.map((layer) => {
    const share = own(zeros, layer.name);
    return share === undefined ? layer : { ...layer, zeros: share };
  });
}

/** One sentence; none where the recipe makes no weights zero. */
export function sparsityNotes({ zeros }: PruneRecord): string[] {
  if (zeros === undefined) return [];
  const shares = Object.values(zeros);
  const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  const which = `${(100 * mean).toFixed(0)} % of the weights of ${shares.length} layers are zero`;
  return [`${which}, the others make up for them: that saves transfer, not time or memory.`];
}
