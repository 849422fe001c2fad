/** Quality as a height: more is better, whatever the metric. */
import type { Quality } from '../../../shared/protocol/tuning.ts';

/** Errors count downwards. */
export function worthOf(quality: Quality): number {
  return quality.metric === 'mse' ? -quality.value : quality.value;
}
