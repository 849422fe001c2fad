/** A line to paste for every device that serves: it classifies the package's sample. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DeviceSummary } from '../../shared/protocol/api.ts';

/** Empty where the package has no `sample.json`. */
export function curlLines(devices: readonly DeviceSummary[], packageFolder: string): string[] {
  const sample = join(packageFolder, 'sample.json');
  if (!existsSync(sample)) return [];
  const near = relative(process.cwd(), sample);
  const path = near.startsWith('..') ? sample : near;
  return devices.flatMap(({ reported }) => {
    if (!reported?.endpoint || !reported.serving) return [];
    const url = new URL(`/v2/models/${reported.serving.model}/infer`, reported.endpoint);
    return [`curl -s --json @${path} ${url.href}`];
  });
}
