/** At most so many pieces of work at once, the others wait in order. */

export interface Pool {
  run<T>(work: () => Promise<T>): Promise<T>;
  readonly waiting: number;
}

export function createPool(width: number): Pool {
  let running = 0;
  const queue: (() => void)[] = [];
  const next = () => {
    if (running >= width) return;
    const start = queue.shift();
    if (!start) return;
    running += 1;
    start();
  };
  return {
    async run(work) {
      await new Promise<void>((resolve) => {
        queue.push(resolve);
        next();
      });
      try {
        return await work();
      } finally {
        running -= 1;
        next();
      }
    },
    get waiting() {
      return queue.length;
    },
  };
}
