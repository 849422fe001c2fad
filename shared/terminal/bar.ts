/** Progress bars and sparklines made of Unicode block elements: eight steps to a cell. */
import { formatBytes, formatNumber } from './units.ts';

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;
const heights = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** A bar of `width` cells; a share outside 0 to 1 is clamped. */
export function formatBar(share: number, width: number): string {
  const clamped = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  const steps = Math.round(clamped * width * 8);
  const bar = '█'.repeat(Math.floor(steps / 8)) + (eighths[steps % 8] ?? '');
  return bar.padEnd(width, '·');
}

/** One character a value, scaled between 0 and the largest. */
export function formatSparkline(values: readonly number[]): string {
  const top = Math.max(...values, 0);
  return values
    .map((value) => heights[top > 0 ? Math.min(7, Math.floor((value / top) * 7.999)) : 0])
    .join('');
}

/** `3 of 12 trials`, `1.5 MiB of 4 MiB`. */
export function formatAmount(progress: { done: number; total: number; unit: string }): string {
  const amount = progress.unit === 'bytes' ? formatBytes : formatNumber;
  const unit = progress.unit === 'bytes' ? '' : ` ${progress.unit}`;
  return progress.total > 0
    ? `${amount(progress.done)} of ${amount(progress.total)}${unit}`
    : `${amount(progress.done)}${unit}`;
}
