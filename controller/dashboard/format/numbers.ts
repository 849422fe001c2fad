/** Quantities as text of steady width: a live cell must not jump while its value wanders. */

/** Between a number and its unit: narrow, and never broken across lines. */
const space = '\u202f';
/** What stands where there is no value. */
export const absent = '–';

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Three significant digits, trailing zeros kept: `0.42`, `4.20`, `42.0`, `420`, `4,200`. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return absent;
  const size = Math.abs(value);
  if (size >= 99.95) return grouped.format(value);
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}

export function formatCount(value: number): string {
  return grouped.format(value);
}

/** `0.42 ms`, `42.0 ms`, `1.25 s`; `–` where there is none. */
export function formatMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return absent;
  return ms >= 999.5 ? `${threeDigits(ms / 1000)}${space}s` : `${threeDigits(ms)}${space}ms`;
}

/** Requests a second: `0 /s`, `0.42 /s`, `1,250 /s`. */
export function formatRate(perSecond: number): string {
  return `${perSecond === 0 ? '0' : threeDigits(perSecond)}${space}/s`;
}

/** `812 B`, `1.50 KiB`, `24.0 MiB`. */
export function formatBytes(bytes: number): string {
  const power = powerOf1024(bytes);
  const amount = bytes / 1024 ** power;
  return `${power === 0 ? formatCount(amount) : threeDigits(amount)}${space}${byteUnits[power]}`;
}

/** Memory, where a tenth of a MiB is noise: `84 MiB`, `1.25 GiB`. */
export function formatMiB(mebibytes: number): string {
  if (mebibytes >= 1023.5) return `${threeDigits(mebibytes / 1024)}${space}GiB`;
  return `${formatCount(mebibytes)}${space}MiB`;
}

/** A size against the source's: `0.27×`. */
export function formatRatio(ratio: number): string {
  return `${ratio >= 9.95 ? ratio.toFixed(0) : ratio.toFixed(2)}×`;
}

/** A share of 1 as percent with `digits` decimals. */
export function formatPercent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)}${space}%`;
}

export function formatCelsius(celsius: number): string {
  return `${celsius.toFixed(0)}${space}°C`;
}

/** A quantity as a tick of an axis: `4.00 ms` as `4 ms`, `2.50 ms` as `2.5 ms`. */
export function shortTick(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
}

/** Singular or plural: `1 device`, `3 devices`. */
export function counted(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}

function powerOf1024(bytes: number): 0 | 1 | 2 | 3 | 4 {
  if (bytes < 1024) return 0;
  if (bytes < 1024 ** 2 * 0.9995) return 1;
  if (bytes < 1024 ** 3 * 0.9995) return 2;
  return bytes < 1024 ** 4 * 0.9995 ? 3 : 4;
}
