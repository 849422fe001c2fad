/**
 * Memory that may still be taken, looked at when it is needed: what the machine has left, what the
 * control groups leave, and what the device's own setting leaves.
 */
import { FettleError } from '../shared/errors.ts';
import { readCgroupLimits } from './profile/cgroup.ts';
import { readMemory } from './profile/memory.ts';
import { openTree } from './profile/tree.ts';

export interface RoomOptions {
  /** What this process may take in all; null is what the machine has. */
  readonly memoryMiB: number | null;
  /** Where `/proc` and `/sys` lie. */
  readonly root?: string;
  /** Resident memory of this process. */
  readonly residentMiB?: number;
}

/** What a model's variant is known to be before it is loaded. */
export interface Load {
  readonly what: string;
  readonly bytes: number;
  readonly instances: number;
}

/** Left for everyone else. */
export const reserveMiB = 16;
/** What a session holds of the file while it opens: the file, and the weights packed for use. */
const copies = 2;

/** MiB that may be taken now; Infinity where nothing is known. */
export async function freeMemoryMiB(options: RoomOptions): Promise<number> {
  const tree = openTree(options.root);
  const limits = await readCgroupLimits(tree);
  const { availableMiB } = await readMemory(tree, { cgroupMiB: null, limitMiB: undefined });
  const residentMiB = options.residentMiB ?? process.memoryUsage.rss() / 2 ** 20;
  const own = Math.min(options.memoryMiB ?? Infinity, limits.memoryMiB ?? Infinity);
  // 0 is what a system says that cannot tell.
  return Math.max(0, Math.min(availableMiB || Infinity, own - residentMiB));
}

/** Throws `MEMORY_SHORT` where loading this would take more than there is. */
export function requireMemory({ what, bytes, instances }: Load, freeMiB: number): void {
  const neededMiB = Math.ceil((copies * instances * bytes) / 2 ** 20) + reserveMiB;
  if (neededMiB <= freeMiB) return;
  throw new FettleError('MEMORY_SHORT', { what, needed: neededMiB, free: Math.floor(freeMiB) });
}
