/** How full a queue was and how many runs left it together, since the last look. */
export interface QueueLook {
  /** The largest number of runs that waited. */
  readonly queue: number;
  /** Mean runs that went together; null where none went, or they always go alone. */
  readonly batch: number | null;
}

export interface QueueMeter {
  waiting(runs: number): void;
  went(runs: number): void;
  take(): QueueLook;
}

export function createQueueMeter(gathers: boolean): QueueMeter {
  let [queue, runs, groups] = [0, 0, 0];
  return {
    waiting(now) {
      queue = Math.max(queue, now);
    },
    went(together) {
      runs += together;
      groups += 1;
    },
    take() {
      const look = { queue, batch: gathers && groups > 0 ? runs / groups : null };
      [queue, runs, groups] = [0, 0, 0];
      return look;
    },
  };
}
