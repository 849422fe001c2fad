/** Memory of the machine, and how much of it this process may use. */
import { freemem, totalmem } from 'node:os';
import type { Tree } from './tree.ts';

export interface Memory {
  readonly totalMiB: number;
  readonly availableMiB: number;
  /** The cgroup's limit or the device's own setting, the lower; null is none. */
  readonly limitMiB: number | null;
  /** All swap; 0 where there is none. */
  readonly swapMiB: number | null;
  /** Of it, what is compressed in memory, as small boards use. */
  readonly zramMiB: number;
}

export async function readMemory(
  tree: Tree,
  limits: { cgroupMiB: number | null; limitMiB: number | undefined },
): Promise<Memory> {
  const info = parseMeminfo((await tree.text('/proc/meminfo')) ?? '');
  const total = info.get('MemTotal') ?? (tree.live ? totalmem() / 2 ** 20 : null);
  const available = info.get('MemAvailable') ?? (tree.live ? freemem() / 2 ** 20 : null);
  if (total === null) tree.miss('memory.totalMiB', '/proc/meminfo has no MemTotal');
  if (available === null) tree.miss('memory.availableMiB', '/proc/meminfo has no MemAvailable');
  const both = [limits.cgroupMiB, limits.limitMiB].filter((limit) => typeof limit === 'number');
  return {
    totalMiB: total ?? 0,
    availableMiB: available ?? 0,
    // A limit above what the machine has is none.
    limitMiB: both.length > 0 && Math.min(...both) < (total ?? Infinity) ? Math.min(...both) : null,
    swapMiB: info.get('SwapTotal') ?? null,
    zramMiB: zramOf((await tree.text('/proc/swaps')) ?? ''),
  };
}

/** Name → MiB. proc(5), "/proc/meminfo": the unit printed is kB and means KiB. */
export function parseMeminfo(text: string): Map<string, number> {
  const info = new Map<string, number>();
  for (const line of text.split('\n')) {
    const found = /^(\w+):\s+(\d+) kB$/.exec(line.trim());
    if (found?.[1] !== undefined) info.set(found[1], Number(found[2]) / 1024);
  }
  return info;
}

/** proc(5), "/proc/swaps": `Filename Type Size Used Priority`, the size in KiB. */
function zramOf(swaps: string): number {
  const sizes = [...swaps.matchAll(/^\/dev\/zram\d+\s+\S+\s+(\d{1,12})\s/gm)].map(([, kib]) =>
    Number(kib),
  );
  return sizes.reduce((sum, kib) => sum + kib, 0) / 1024;
}
