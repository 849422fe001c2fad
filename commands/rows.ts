/** Tables and facts as lines that suit the terminal they are printed on. */
import { fit, formatTable, type TableOptions, wrap } from '../shared/terminal/table.ts';
import type { Output } from './command.ts';

/** A row is one line: what a terminal has no room for is cut off. */
export function printTable(
  io: Output,
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): void {
  for (const line of formatTable(rows, options)) {
    io.line(io.columns === null ? line : fit(line, io.columns));
  }
}

/** Less is no room for text beside its name. */
const textCellsMin = 30;

/** A name and a text each; on a terminal the text goes on below itself. */
export function printFacts(io: Output, facts: readonly (readonly [string, string])[]): void {
  const indent = Math.max(0, ...facts.map(([name]) => name.length)) + 2;
  const room = io.columns === null ? 0 : io.columns - indent;
  for (const [name, text] of facts) {
    const [first = '', ...rest] = room < textCellsMin ? [text] : wrap(text, room);
    io.line(`${name.padEnd(indent)}${first}`);
    for (const line of rest) io.line(`${' '.repeat(indent)}${line}`);
  }
}
