/** Follows scrolling and resizing; the table is drawn anew only when the range moves. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type RowRange, rowRange, type Viewport } from './window.ts';

/** Heights in step with `table.css` and `tokens.css`: of a row, and of what sticks at the top. */
const wide = { rowPx: 36, stickyPx: 48 + 35 } as const;
const card = { rowPx: 72, stickyPx: 48 } as const;
const narrow = '(max-width: 719px)';
/** After so long without a step, one has stopped scrolling. */
const restMs = 300;

export interface Rows {
  readonly range: RowRange;
  /** The first row drawn when one last stopped scrolling. */
  readonly base: number;
  readonly heightPx: number;
  readonly measure: () => Viewport;
}

export function useRowRange(body: { readonly current: HTMLElement | null }, rows: number): Rows {
  const { rowPx, stickyPx } = matchMedia(narrow).matches ? card : wide;
  const measure = (): Viewport => ({
    scrolledPx: stickyPx - (body.current?.getBoundingClientRect().top ?? stickyPx),
    heightPx: innerHeight - stickyPx,
    rowPx,
    rows,
  });
  const [range, setRange] = useState(() => rowRange(measure()));
  const [base, setBase] = useState(range.first);
  const update = () => {
    const next = rowRange(measure());
    setRange((held) => (held.first === next.first && held.end === next.end ? held : next));
  };
  useLayoutEffect(update, [rows, rowPx]);
  const latest = useRef({ update, measure });
  latest.current = { update, measure };
  useEffect(() => {
    const stop = new AbortController();
    const options = { passive: true, signal: stop.signal };
    let resting: ReturnType<typeof setTimeout> | undefined;
    const onMove = () => {
      latest.current.update();
      clearTimeout(resting);
      resting = setTimeout(() => setBase(rowRange(latest.current.measure()).first), restMs);
    };
    addEventListener('scroll', onMove, options);
    addEventListener('resize', onMove, options);
    return () => {
      stop.abort();
      clearTimeout(resting);
    };
  }, []);
  return { range, base, heightPx: rowPx, measure };
}
