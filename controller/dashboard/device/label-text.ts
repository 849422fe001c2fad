/** Labels as a line of text: `zone=hall site=kassel`. */
import type { DeviceDetail } from '../../../shared/protocol/api.ts';

type Labels = DeviceDetail['labels'];

/** Those that people gave; what the device says of itself is not theirs to change. */
export function givenLabels({ labels, profile }: Pick<DeviceDetail, 'labels' | 'profile'>): Labels {
  const own: Labels = profile?.labels ?? {};
  return Object.fromEntries(Object.entries(labels).filter(([key, value]) => own[key] !== value));
}

export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** A sentence where the text says no labels. */
export function parseLabels(text: string): Labels | string {
  const labels = new Map<string, string>();
  for (const word of text.split(/[\s,]+/).filter((part) => part !== '')) {
    const at = word.indexOf('=');
    if (at < 1) return `${word}: expected key=value, with spaces between labels`;
    labels.set(word.slice(0, at), word.slice(at + 1));
  }
  return Object.fromEntries(labels);
}
