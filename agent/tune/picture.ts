/** Trials as a small picture in text: latency to the right, quality lost downwards. Pure. */
import type { Trial } from '../../shared/protocol/tuning.ts';
import { dropOf } from './front.ts';

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Letters of the trials, in their order; capitals are on the front, `*` is the chosen one. */
export function markOf(index: number, so: { front: boolean; chosen: boolean }): string {
  if (so.chosen) return '*';
  const letter = String.fromCharCode('a'.charCodeAt(0) + (index % 26));
  return so.front ? letter.toUpperCase() : letter;
}

/** Lines of the picture; none where fewer than two trials can be drawn. */
export function drawTrials(
  trials: readonly Trial[],
  marks: readonly string[],
  full: Size = { columns: 56, rows: 9 },
): string[] {
  const points = trials.flatMap((trial, index) => {
    const drop = dropOf(trial);
    const drawn = trial.state === 'done' && Number.isFinite(drop);
    return drawn ? [{ x: Math.log(trial.latencyMsP50), y: drop, mark: marks[index] ?? '?' }] : [];
  });
  if (points.length < 2) return [];
  const loses = points.some(({ y }) => y > 0);
  const size = { ...full, rows: loses ? full.rows : 1 };
  const place = scaleOf(points, size);
  const grid = Array.from({ length: size.rows }, () => Array<string>(size.columns).fill(' '));
  // The chosen one is drawn last, so that nothing hides it.
  for (const point of points.toSorted((a, b) => Number(a.mark === '*') - Number(b.mark === '*'))) {
    const { column, row } = place(point);
    const line = grid[row];
    if (line) line[column] = point.mark;
  }
  return [
    '  quality',
    ...grid.map((line) => `  │${line.join('').trimEnd()}`),
    `  └${'─'.repeat(size.columns)}`,
    axis(points, size),
    '  * is chosen; what has a capital is beaten by none in time, quality and size',
  ];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function scaleOf(points: readonly Point[], { columns, rows }: Size) {
  const xs = points.map((point) => point.x);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const lowest = Math.max(...points.map((point) => point.y));
  return ({ x, y }: Point) => ({
    column: Math.round(((x - left) / Math.max(right - left, 1e-9)) * (columns - 1)),
    row: Math.round((y / Math.max(lowest, 1e-9)) * (rows - 1)),
  });
}

function axis(points: readonly Point[], { columns }: Size): string {
  const xs = points.map((point) => point.x);
  const [left, right] = [Math.min(...xs), Math.max(...xs)].map(
    (x) => `${Number(Math.exp(x ?? 0).toPrecision(3))} ms`,
  );
  const middle = 'p50, logarithmic';
  const space = columns + 1 - (left?.length ?? 0) - (right?.length ?? 0) - middle.length;
  const half = Math.max(1, Math.floor(space / 2));
  return `  ${left}${' '.repeat(half)}${middle}${' '.repeat(Math.max(1, space - half))}${right}`;
}
