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

// ECMA-48, 5.4: a control sequence; 8.3.117: SGR sets colours, and without parameters none.
const sequence = '\u001b[';
const noColour = `${sequence}m`;

/** The text cut to `width` cells, with an ellipsis where something was cut. Colours stay. */
export function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const parts = text.split(sequence);
  let room = Math.max(0, width - 1);
  let cut = '';
  for (const [at, part] of parts.entries()) {
    const end = at === 0 ? 0 : part.indexOf('m') + 1;
    const cells = Array.from(part.slice(end)).slice(0, room);
    room -= cells.length;
    cut += `${at === 0 ? '' : sequence}${part.slice(0, end)}${cells.join('')}`;
    if (room === 0) break;
  }
  return `${cut}…${parts.length > 1 ? noColour : ''}`;
}

/** Lines of at most `width` cells, broken between words; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const longer = `${last ?? ''} ${word}`;
    if (last === undefined || displayWidth(longer) > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function pad(text: string, width: number, right = false): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}
