/** Processes that this one has started, by what they run. Linux only: proc(5). */
import { readdirSync, readFileSync } from 'node:fs';

/** Ids of the living children whose command line contains the text. */
export function childrenRunning(text: string): number[] {
  const threads = readdirSync('/proc/self/task');
  const ids = threads.flatMap((thread) => read(`/proc/self/task/${thread}/children`).split(' '));
  return ids.filter((id) => id !== '' && read(`/proc/${id}/cmdline`).includes(text)).map(Number);
}

/** '' where the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
