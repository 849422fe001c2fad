/** Text in columns, and how wide text is on a terminal. */
import { stripVTControlCharacters } from 'node:util';

export interface TableOptions {
  /** Columns, counted from 0, that are set flush right. */
  readonly right?: readonly number[];
}

/** Rows as lines with columns two spaces apart; the first row is the header. */
export function formatTable(rows: readonly (readonly string[])[], options: TableOptions = {}) {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  return rows.map((row) =>
    widths
      .map((width, column) => pad(row[column] ?? '', width, options.right?.includes(column)))
      .join('  ')
      .trimEnd(),
  );
}

/** Cells of a terminal; colour sequences take none. */
export function displayWidth(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/**
 * The text cut to `width` cells, with an ellipsis where something was cut. Colours are dropped
 * then.
 */
export function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const cells = Array.from(stripVTControlCharacters(text));
  return `${cells.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function pad(text: string, width: number, right = false): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}
