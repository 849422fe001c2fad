/**
 * V8 grows the young generation of its heap to three times 16 MiB when a start allocates much, and
 * an idle process never gives it back. An agent allocates little afterwards: with a growth factor
 * of one it stays at 1 MiB, which is 12 MiB less resident memory (Node 24.21, measured). Tensors
 * lie outside.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** By then an agent is connected and profiled. */
const settledMs = 10_000;

/**
 * What the start allocated is garbage, and an idle process allocates too little for V8 to collect
 * it: one collection gives back 5 MiB (Node 24.21, measured).
 */
export function collectAfterStart(): void {
  const collect = () => {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    setFlagsFromString('--no-expose-gc');
    if (typeof gc === 'function') gc();
  };
  setTimeout(collect, settledMs).unref();
}
