import test from 'ava';
import {
  absent,
  counted,
  formatBytes,
  formatMiB,
  formatMs,
  formatPercent,
  formatRate,
  formatRatio,
  shortTick,
  threeDigits,
} from '../../../../controller/dashboard/format/numbers.ts';

const cases: readonly (readonly [string, string])[] = [
  [threeDigits(0), '0.00'],
  [threeDigits(0.424), '0.42'],
  [threeDigits(4.2), '4.20'],
  [threeDigits(9.999), '10.0'],
  [threeDigits(42), '42.0'],
  [threeDigits(99.96), '100'],
  [threeDigits(4200), '4,200'],
  [threeDigits(-0.5), '-0.50'],
  [threeDigits(Number.NaN), absent],
  [formatMs(0.4), '0.40\u202fms'],
  [formatMs(999.6), '1.00\u202fs'],
  [formatMs(1250), '1.25\u202fs'],
  [formatRate(0), '0\u202f/s'],
  [formatRate(0.25), '0.25\u202f/s'],
  [formatBytes(0), '0\u202fB'],
  [formatBytes(1023), '1,023\u202fB'],
  [formatBytes(1024), '1.00\u202fKiB'],
  [formatBytes(1024 ** 2 - 1), '1.00\u202fMiB'],
  [formatBytes(678_912), '663\u202fKiB'],
  [formatBytes(3 * 1024 ** 4), '3.00\u202fTiB'],
  [formatMiB(84.4), '84\u202fMiB'],
  [formatMiB(2048), '2.00\u202fGiB'],
  [formatRatio(0.268), '0.27×'],
  [formatRatio(12), '12×'],
  [formatPercent(0.98611, 2), '98.61\u202f%'],
  [shortTick('4.00\u202fms'), '4\u202fms'],
  [shortTick('2.50\u202fms'), '2.5\u202fms'],
  [shortTick('1,000\u202fKiB'), '1,000\u202fKiB'],
  [shortTick('0.05'), '0.05'],
  [counted(1, 'device'), '1 device'],
  [counted(10_000, 'device'), '10,000 devices'],
  [counted(2, 'class', 'classes'), '2 classes'],
];

test('quantities read as people write them', (t) => {
  for (const [got, wanted] of cases) t.is(got, wanted);
});

test('a live value keeps its width while it wanders within a decade', (t) => {
  const widths = new Set([1, 1.5, 2.25, 9.99].map((ms) => formatMs(ms).length));
  t.is(widths.size, 1);
});
