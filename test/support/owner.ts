/** Whatever cleans up after itself: a test, or a script that runs without one. */
import type { ExecutionContext } from 'ava';

export type Owner = Pick<ExecutionContext, 'teardown'>;

export interface Script extends Owner {
  /** Does what was asked for, the last first. */
  end(): Promise<void>;
}

export function createScript(): Script {
  const tasks: (() => unknown)[] = [];
  return {
    teardown(task) {
      tasks.push(task);
    },
    async end() {
      for (const task of tasks.splice(0).toReversed()) await task();
    },
  };
}
