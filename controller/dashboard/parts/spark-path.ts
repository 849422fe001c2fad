/** The geometry of a sparkline. */

interface SparkInput {
  readonly values: readonly number[];
  readonly width: number;
  readonly height: number;
  readonly points: number;
}

/**
 * SVG paths of the line and of the area below it; 0 is the lower edge, the largest value the upper.
 */
export function sparkPath(input: SparkInput): { readonly line: string; readonly area: string } {
  const { values, width, height } = input;
  const top = Math.max(...values, 0);
  const stepX = width / Math.max(1, input.points - 1);
  const startX = width - stepX * (values.length - 1);
  const at = (value: number, index: number) => {
    const share = top > 0 ? value / top : 0;
    return `${round(startX + index * stepX)} ${round(height - 1 - share * (height - 2))}`;
  };
  const line = `M${values.map(at).join('L')}`;
  return { line, area: `${line}L${round(width)} ${height}L${round(startX)} ${height}Z` };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
