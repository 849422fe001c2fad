/** Round numbers along an axis. */

/** About `count` round steps within a linear span, ends included where they are round. */
export function linearTicks(low: number, high: number, count: number): number[] {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => raw <= factor * power) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => tidy((first + index) * step));
}

/** 1, 2 and 5 of every power of ten within a span of positive numbers. */
export function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of [1, 2, 5]) {
      const tick = tidy(factor * 10 ** power);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** Powers of two within a span; halves between them where the span is short. */
export function binaryTicks(low: number, high: number): number[] {
  const factors = high / low > 8 ? [1] : [1, 1.5];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log2(low)); power <= Math.log2(high); power += 1) {
    for (const factor of factors) {
      const tick = factor * 2 ** power;
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** Without what binary fractions add in the last place. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}
