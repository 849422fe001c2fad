/** A small line of past values; the number beside it says what it shows. */
import { sparkPath } from './spark-path.ts';

/** Fewer say nothing of how something goes. */
const pointsMin = 4;

interface SparkProps {
  readonly values: readonly number[];
  readonly width: number;
  readonly height: number;
  /** Points that the full width has room for; fewer begin further right. */
  readonly points: number;
  /** Drawn as wide as there is room, and filled below. */
  readonly stretch?: boolean;
}

export function Spark({ values, width, height, points, stretch }: SparkProps) {
  const { line, area } =
    values.length < pointsMin
      ? { line: '', area: '' }
      : sparkPath({ values, width, height, points });
  return (
    <svg
      class="spark"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio={stretch ? 'none' : 'xMidYMid'}
      aria-hidden="true"
    >
      {stretch && <path class="spark-area" d={area} />}
      <path class="spark-line" d={line} />
    </svg>
  );
}
