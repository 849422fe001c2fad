/**
 * A block of lines at the end of a terminal that is redrawn in place, with a log scrolling above
 * it.
 */
import { fit } from './table.ts';

export interface Screen {
  /** Replaces the block. */
  draw(lines: readonly string[]): void;
  /** Prints a line above the block, where it stays. */
  log(line: string): void;
  /** Leaves the block as it is and shows the cursor again. */
  close(): void;
}

interface TerminalStream {
  readonly columns?: number;
  write(text: string): boolean;
}

// ECMA-48: CUU moves the cursor up, ED 0 erases to the end of the screen, DECTCEM hides the cursor.
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const eraseBelow = '\u001b[0J';

export function createScreen(stream: TerminalStream): Screen {
  let block: readonly string[] = [];
  const up = () => (block.length > 0 ? `\u001b[${block.length}A\r` : '');
  const render = (above: string) => {
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    const below = block.map((line) => `${fit(line, width)}\n`).join('');
    return `${eraseBelow}${above}${below}`;
  };
  return {
    draw(lines) {
      const start = up();
      block = lines;
      stream.write(hideCursor + start + render(''));
    },
    log(line) {
      stream.write(up() + render(`${line}\n`));
    },
    close() {
      block = [];
      stream.write(showCursor);
    },
  };
}
