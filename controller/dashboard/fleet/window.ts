/** Which rows of a long table to draw: only those in sight and a few around them. */

export interface Viewport {
  /** Pixels of the table's body that have been scrolled past; negative before it is reached. */
  readonly scrolledPx: number;
  readonly heightPx: number;
  readonly rowPx: number;
  readonly rows: number;
}

export interface RowRange {
  /** First row drawn, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** No more rows than this are drawn wherever one scrolls: elements to go round. */
  readonly slots: number;
}

/** Rows beyond the edge that are drawn, so that a quick scroll doesn't show blank paper. */
const beyond = 8;
/** The range moves in steps, so that not every scrolled pixel draws the table anew. */
const step = 6;

export function rowRange(viewport: Viewport): RowRange {
  const { rows, rowPx } = viewport;
  const firstSeen = Math.floor(Math.max(0, viewport.scrolledPx) / rowPx);
  const lastSeen = Math.ceil((viewport.scrolledPx + viewport.heightPx) / rowPx);
  const first = Math.floor((firstSeen - beyond) / step) * step;
  const end = Math.ceil((lastSeen + beyond) / step) * step;
  const within = (row: number) => Math.min(rows, Math.max(0, row));
  const slots = Math.ceil(viewport.heightPx / rowPx) + 2 * (beyond + step);
  return { first: within(first), end: Math.max(within(first), within(end)), slots };
}

/** Where to scroll the body so that a row is fully in sight; null where it is already. */
export function scrollToRow(row: number, viewport: Viewport): number | null {
  const top = row * viewport.rowPx;
  if (top < viewport.scrolledPx) return top;
  const bottom = top + viewport.rowPx;
  const seen = viewport.scrolledPx + viewport.heightPx;
  return bottom > seen ? bottom - viewport.heightPx : null;
}
