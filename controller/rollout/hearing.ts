/**
 * Since when the controller has heard devices without a break. Its own absence, that of its broker,
 * a pause of the process and a jump of the clock are nobody's silence.
 */

const beatMs = 5000;
/** A process that is busy misses some beats. */
const gapMaxMs = 30_000;

export interface Hearing {
  /** By the clock of the controller. */
  sinceMs(): number;
  stop(): void;
}

export function createHearing(now: () => number, connected: () => boolean): Hearing {
  let sinceMs = now();
  let lastMs = sinceMs;
  const beat = () => {
    const nowMs = now();
    if (!connected() || nowMs < lastMs || nowMs - lastMs > gapMaxMs) sinceMs = nowMs;
    lastMs = nowMs;
    return sinceMs;
  };
  const timer = setInterval(beat, beatMs).unref();
  return { sinceMs: beat, stop: () => clearInterval(timer) };
}
