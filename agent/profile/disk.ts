/** Room on the file system that holds the device's data. */
import { statfs } from 'node:fs/promises';
import { reasonOf } from '../../shared/errors.ts';
import type { Tree } from './tree.ts';

export interface Disk {
  readonly totalMiB: number | null;
  readonly freeMiB: number | null;
}

export async function readDisk(tree: Tree, folder: string): Promise<Disk> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { totalMiB: toMiB(bsize * blocks), freeMiB: toMiB(bsize * bavail) };
  } catch (thrown) {
    tree.miss('disk', reasonOf(thrown));
    return { totalMiB: null, freeMiB: null };
  }
}

function toMiB(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
