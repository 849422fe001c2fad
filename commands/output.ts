/**
 * What a command prints: lines for people, one document for programs, progress on standard error.
 */

import { encodeJson } from '../shared/json.ts';
import { formatAmount, formatBar } from '../shared/terminal/bar.ts';
import { hasColours, isTerminal } from '../shared/terminal/style.ts';
import { fit } from '../shared/terminal/table.ts';
import type { Output, Progress } from './command.ts';

interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Where a terminal does not say how wide it is, and where it says it has next to no width. */
const [columnsUsual, columnsMin] = [80, 20];

/** Output of one run of a command. `close` ends a bar that is still open. */
export function createOutput(streams: Streams, json: boolean): Output & { close(): void } {
  let printed = false;
  const terminal = !json && isTerminal(streams.stdout);
  const bar = isTerminal(streams.stderr) ? createBar(streams.stderr) : createPlain(streams.stderr);
  return {
    terminal,
    colours: !json && hasColours(streams.stdout),
    get columns() {
      return terminal ? Math.max(columnsMin, streams.stdout.columns || columnsUsual) : null;
    },
    line(text) {
      bar.close();
      if (!json) streams.stdout.write(`${text}\n`);
    },
    result(value) {
      bar.close();
      // One document: a command that fails after its result has said what it found.
      if (json && !printed) streams.stdout.write(`${encodeJson(value, 2)}\n`);
      printed = true;
    },
    progress(progress) {
      if (!json) bar.show(progress);
    },
    close: () => bar.close(),
  };
}

/** For what is part of something larger, which says itself how it goes. */
export const silent: Output = {
  terminal: false,
  colours: false,
  columns: null,
  line() {},
  result() {},
  progress() {},
};

interface Bar {
  show(progress: Progress): void;
  close(): void;
}

/** One bar, redrawn in its line; a new subject begins a new line. */
function createBar(stream: NodeJS.WriteStream): Bar {
  let open: string | null = null;
  const close = () => {
    if (open !== null) stream.write('\n');
    open = null;
  };
  return {
    close,
    show(progress) {
      if (open !== null && open !== progress.what) close();
      open = progress.what;
      const share = progress.total > 0 ? progress.done / progress.total : 0;
      const note = progress.note === undefined ? '' : `  ${progress.note}`;
      const text = `${progress.what}  ${formatBar(share, 24)}  ${formatAmount(progress)}${note}`;
      stream.write(`\r\u001b[K${fit(text, Math.max(20, stream.columns - 1))}`);
      if (progress.total > 0 && progress.done >= progress.total) close();
    },
  };
}

/** One line a subject, when it ends. */
function createPlain(stream: NodeJS.WriteStream): Bar {
  const ended = new Set<string>();
  return {
    close() {},
    show(progress) {
      if (progress.total <= 0 || progress.done < progress.total) ended.delete(progress.what);
      else if (!ended.has(progress.what)) {
        ended.add(progress.what);
        stream.write(`${progress.what}: ${formatAmount(progress)}\n`);
      }
    },
  };
}
