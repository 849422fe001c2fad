/** What a device serves against its source and against the version before, in words. Pure. */
import { sayLoss, sayValue } from '../shared/evaluate/quality-budget.ts';
import type { VersionComparison } from '../shared/protocol/comparisons.ts';
import type { Serving } from '../shared/protocol/messages.ts';

/** One sentence; null where nothing was measured of it. */
export function sayQuality(
  { quality, live, onGolden }: Serving,
  before: VersionComparison | null,
): string | null {
  const parts: string[] = [];
  if (quality) {
    const value = `${quality.metric} is ${sayValue(quality, quality.value)}`;
    parts.push(`against the source: ${value}, ${sayLoss(quality, quality.drop)}`);
  }
  if (before) parts.push(`against version ${before.against}: ${before.reason}`);
  if (onGolden) {
    const { version, recipeName } = onGolden;
    parts.push(`${alike(onGolden)} golden inputs answered as version ${version} as ${recipeName}`);
  }
  if (live) parts.push(`${alike(live)} live requests answered as the variant before`);
  return parts.length === 0 ? null : parts.join('; ');
}

function alike({ samples, agreement }: { samples: number; agreement: number }): string {
  return `${Math.round(agreement * samples)} of ${samples}`;
}
