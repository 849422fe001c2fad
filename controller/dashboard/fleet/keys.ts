/** The keyboard in the fleet table: which row a key leads to. */

export interface Cursor {
  /** The row that has the cursor; null before any key was pressed. */
  readonly row: number | null;
  readonly rows: number;
  /** Rows of one screen. */
  readonly page: number;
}

/** The row after the key; null where the key means nothing to the table. */
export function rowAfterKey(key: string, cursor: Cursor): number | null {
  if (cursor.rows === 0) return null;
  const target = targetRow(key, cursor);
  return target === null ? null : Math.min(cursor.rows - 1, Math.max(0, target));
}

function targetRow(key: string, { row, rows, page }: Cursor): number | null {
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return row === null ? 0 : row + 1;
    case 'ArrowUp':
    case 'k':
      return row === null ? 0 : row - 1;
    case 'PageDown':
      return (row ?? 0) + page;
    case 'PageUp':
      return (row ?? 0) - page;
    case 'Home':
      return 0;
    case 'End':
      return rows - 1;
    default:
      return null;
  }
}
