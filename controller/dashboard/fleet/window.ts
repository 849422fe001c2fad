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
  /** As many rows as are drawn of a long list, wherever one has scrolled. */
  readonly slots: number;
}

/** Rows beyond the edge that are drawn, so that a quick scroll doesn't show blank paper. */
const beyond = 8;
/** The range moves in steps, so that not every scrolled pixel draws the table anew. */
const step = 4;

export function rowRange({ scrolledPx, heightPx, rowPx, rows }: Viewport): RowRange {
  const slots = Math.ceil(heightPx / rowPx) + 2 * beyond + step;
  const firstSeen = Math.floor(Math.max(0, scrolledPx) / rowPx);
  const wanted = Math.floor((firstSeen - beyond) / step) * step;
  const first = Math.max(0, Math.min(wanted, rows - slots));
  return { first, end: Math.min(rows, first + slots), slots };
}

export interface SlottedRow {
  readonly name: string;
  readonly index: number;
  /** The element that it is drawn with. */
  readonly slot: number;
}

/**
 * Rows that leave at one edge are written anew for those that come at the other. While one scrolls
 * no element moves; at rest they stand in the order in which they are read, from `base` on.
 */
export function slotted(
  names: readonly string[],
  { first, end, slots }: RowRange,
  base: number,
): SlottedRow[] {
  const place = (index: number) => (((index - base) % slots) + slots) % slots;
  return names
    .slice(first, end)
    .map((name, offset) => ({ name, index: first + offset, slot: (first + offset) % slots }))
    .sort((a, b) => place(a.index) - place(b.index));
}

/** Where to scroll the body so that a row is fully in sight; null where it is already. */
export function scrollToRow(row: number, viewport: Viewport): number | null {
  const top = row * viewport.rowPx;
  if (top < viewport.scrolledPx) return top;
  const bottom = top + viewport.rowPx;
  const seen = viewport.scrolledPx + viewport.heightPx;
  return bottom > seen ? bottom - viewport.heightPx : null;
}
