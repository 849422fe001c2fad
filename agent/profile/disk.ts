/** The disk that holds the device's data: its room, its kind, its wear. */
import { statfs } from 'node:fs/promises';
import { reasonOf } from '../../shared/errors.ts';
import { readStorage, type Storage } from './storage.ts';
import type { Tree } from './tree.ts';

interface Room {
  readonly totalMiB: number | null;
  readonly freeMiB: number | null;
}

export async function readDisk(tree: Tree, folder: string): Promise<Room & Storage> {
  // What lies below another root has a disk, and it is not this machine's.
  const room = tree.live ? await readRoom(tree, folder) : { totalMiB: null, freeMiB: null };
  return { ...room, ...(await readStorage(tree, tree.live ? folder : '/')) };
}

async function readRoom(tree: Tree, folder: string): Promise<Room> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { totalMiB: toMiB(bsize * blocks), freeMiB: toMiB(bsize * bavail) };
  } catch (thrown) {
    tree.miss('disk', reasonOf(thrown));
    return { totalMiB: null, freeMiB: null };
  }
}

/** What may still be written there now; null where nobody says. */
export async function freeDiskMiB(folder: string): Promise<number | null> {
  try {
    const { bsize, bavail } = await statfs(folder);
    return toMiB(bsize * bavail);
  } catch {
    return null;
  }
}

function toMiB(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
