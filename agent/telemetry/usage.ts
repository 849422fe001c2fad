/** What this process takes from its device between two looks. */

export interface Usage {
  /** Resident memory of the whole process, its worker threads included. */
  readonly memoryMiB: number;
  /** Processor time used since the last look, in cores. */
  readonly cores: number;
}

export interface UsageMeter {
  look(): Usage;
}

export function usageMeter(nowMs: () => number = () => performance.now()): UsageMeter {
  let atMs = nowMs();
  let used = process.cpuUsage();
  return {
    look() {
      const spent = process.cpuUsage(used);
      const seconds = Math.max(0.001, (nowMs() - atMs) / 1000);
      atMs = nowMs();
      used = process.cpuUsage();
      return {
        memoryMiB: process.memoryUsage.rss() / 2 ** 20,
        cores: (spent.user + spent.system) / 1e6 / seconds,
      };
    },
  };
}
