/** How fast runs go of late, to tell early that one would come too late. */

export interface Pace {
  /** A run, or each of those that went together, took so long. */
  ran(ms: number): void;
  /**
   * How long a run waits behind so many others at least, by the fastest of the last runs: whoever
   * is refused for it could not have been answered. 0 while too little is known.
   */
  leastWaitMs(queue: { readonly ahead: number; readonly threads: number }): number;
}

const remembered = 8;
/** The first runs of a model are its slowest. */
const knownFrom = 3;

export function createPace(): Pace {
  const last: number[] = [];
  return {
    ran(ms) {
      last.push(ms);
      if (last.length > remembered) last.shift();
    },
    leastWaitMs({ ahead, threads }) {
      if (last.length < knownFrom) return 0;
      return (Math.min(...last) * ahead) / Math.max(1, threads);
    },
  };
}
