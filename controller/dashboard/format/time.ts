/** Instants and spans as text. */
import { absent } from './numbers.ts';

const space = '\u202f';
const spans = [
  { unit: 'd', seconds: 86_400 },
  { unit: 'h', seconds: 3600 },
  { unit: 'min', seconds: 60 },
] as const;

/** How long ago an instant was, in its largest unit: `now`, `12 s`, `3 min`, `2 h`, `5 d`. */
export function formatAgo(instant: string | null, nowMs: number): string {
  const ms = instant === null ? Number.NaN : Date.parse(instant);
  if (Number.isNaN(ms)) return absent;
  const seconds = Math.max(0, (nowMs - ms) / 1000);
  return seconds < 3 ? 'now' : formatSpan(seconds);
}

/** `12 s`, `3 min`, `2 h`, `5 d`: the largest unit that fits, rounded down. */
export function formatSpan(seconds: number): string {
  for (const span of spans) {
    if (seconds >= span.seconds) return `${Math.floor(seconds / span.seconds)}${space}${span.unit}`;
  }
  return `${Math.floor(seconds)}${space}s`;
}

/** Local time of day: `14:03:27`. */
export function formatClock(instant: string): string {
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return absent;
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Local date and time: `2026-08-30 14:03:27`. */
export function formatInstant(instant: string): string {
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return absent;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${formatClock(instant)}`;
}
