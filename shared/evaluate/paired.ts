/**
 * How much worse a variant may be than its source, both measured on the same samples: the upper end
 * of a one-sided 95 % confidence interval. Pure arithmetic.
 */

/** The 95 % quantile of the standard normal distribution. */
const z95 = 1.6448536269514722;

export interface PairedDrop {
  /** Mean of source minus variant. */
  readonly drop: number;
  readonly dropUpper: number;
}

/**
 * Scores are 0 or 1 (wrong or right). The upper limit is the score interval for a difference of
 * paired proportions: T. Tango, "Equivalence test and confidence interval for the difference in
 * proportions for the paired-sample design", Statistics in Medicine 17 (1998), 891–908, formulas
 * (5) to (8). It holds its coverage for small counts, and is above 0 where nothing differed.
 */
export function pairedProportions(
  source: readonly number[],
  variant: readonly number[],
): PairedDrop {
  const samples = requirePairs(source, variant);
  let lost = 0;
  let gained = 0;
  for (let at = 0; at < samples; at++) {
    if ((source[at] ?? 0) > (variant[at] ?? 0)) lost += 1;
    if ((source[at] ?? 0) < (variant[at] ?? 0)) gained += 1;
  }
  const drop = (lost - gained) / samples;
  return { drop, dropUpper: tangoUpper({ lost, gained, samples }) };
}

/** The largest difference that the counts of discordant pairs do not refute at 95 %. */
export function tangoUpper(counts: { lost: number; gained: number; samples: number }): number {
  const { lost, gained, samples } = counts;
  let low = (lost - gained) / samples;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (tangoScore(counts, middle) > -z95) low = middle;
    else high = middle;
  }
  return high;
}

/** The score statistic of the hypothesis that the true difference is `delta`. */
function tangoScore(
  { lost, gained, samples }: { lost: number; gained: number; samples: number },
  delta: number,
): number {
  const a = 2 * samples;
  const b = -lost - gained + (2 * samples - lost + gained) * delta;
  const c = -gained * delta * (1 - delta);
  const q = (Math.sqrt(Math.max(0, b * b - 4 * a * c)) - b) / (2 * a);
  const variance = samples * (2 * q + delta * (1 - delta));
  const difference = lost - gained - samples * delta;
  if (variance <= 0) return difference === 0 ? 0 : Math.sign(difference) * Number.MAX_VALUE;
  return difference / Math.sqrt(variance);
}

/**
 * Costs of the variant per sample that the source does not have (its noise against the source). The
 * upper limit is Student's: mean + t·s/√n. Needs at least two samples.
 */
export function pairedMeans(costs: readonly number[]): PairedDrop {
  const n = costs.length;
  if (n < 2) throw new RangeError('a spread needs at least two samples');
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / n;
  const squares = costs.reduce((sum, cost) => sum + (cost - mean) ** 2, 0);
  const standardError = Math.sqrt(squares / (n - 1) / n);
  return { drop: mean, dropUpper: mean + studentQuantile95(n - 1) * standardError };
}

/**
 * The 95 % quantile of Student's distribution: exact for 1 and 2 degrees of freedom, above that by
 * the expansion in Abramowitz and Stegun 26.7.5, right to 0.4 % at 3 and better beyond.
 */
export function studentQuantile95(degrees: number): number {
  if (degrees <= 1) return Math.tan(0.45 * Math.PI);
  if (degrees === 2) return 0.9 * Math.sqrt(2 / (1 - 0.9 ** 2));
  const x = z95;
  const g1 = (x ** 3 + x) / 4;
  const g2 = (5 * x ** 5 + 16 * x ** 3 + 3 * x) / 96;
  const g3 = (3 * x ** 7 + 19 * x ** 5 + 17 * x ** 3 - 15 * x) / 384;
  const g4 = (79 * x ** 9 + 776 * x ** 7 + 1482 * x ** 5 - 1920 * x ** 3 - 945 * x) / 92160;
  return x + g1 / degrees + g2 / degrees ** 2 + g3 / degrees ** 3 + g4 / degrees ** 4;
}

function requirePairs(source: readonly number[], variant: readonly number[]): number {
  if (source.length !== variant.length || source.length === 0) {
    throw new RangeError(`${source.length} and ${variant.length} scores are no pairs`);
  }
  return source.length;
}
