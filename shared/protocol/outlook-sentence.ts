import type { WaveOutlook } from './outlook.ts';

/** One sentence a wave, the same for the terminal and the page. */
export function describeOutlook({ wave, devices, requests, speak, silent }: WaveOutlook): string {
  const who = `${devices} ${devices === 1 ? 'device' : 'devices'}, ${requests} requests a minute`;
  const heard = `gates that can speak: ${speak.join(', ') || 'none'}`;
  const needs = silent.map((one) => `; ${one.gate} needs ${one.needs}`).join('');
  return `wave ${wave} (${who}): ${heard}${needs}`;
}
