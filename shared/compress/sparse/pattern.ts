/** Which weights of a layer become zero. */
import { groupsOf, type Sparsity } from '../recipe.ts';

export interface Pattern {
  /** Weights of a row among which zeros are chosen; 0 for a share of the whole layer. */
  readonly of: number;
  /** How many of so many weights become zero. */
  zeros(count: number): number;
}

export function patternOf(sparsity: Sparsity): Pattern | undefined {
  if (typeof sparsity === 'number') {
    return { of: 0, zeros: (count) => Math.round(sparsity * count) };
  }
  const groups = groupsOf(sparsity);
  // A last group of a row that is not full keeps as many as a full one.
  return groups && { of: groups.of, zeros: (count) => Math.max(0, count - groups.kept) };
}
