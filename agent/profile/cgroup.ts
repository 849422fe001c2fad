/** What the control groups allow this process: processor time and memory, version 1, 2 and both. */
import type { Tree } from './tree.ts';

export interface CgroupLimits {
  /** Processor time in cores; null is unlimited. */
  readonly quotaCores: number | null;
  /** null is unlimited. */
  readonly memoryMiB: number | null;
}

/**
 * Version 1 says "unlimited" with the largest multiple of a page below 2^63 bytes; nobody has
 * 2^50.
 */
const unlimitedBytes = 2 ** 50;

/**
 * The tightest limit of the process's group and all groups above it that can be seen.
 * Files: Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max) and
 * cgroup-v1 (cpu.cfs_quota_us, memory.limit_in_bytes).
 */
export async function readCgroupLimits(tree: Tree): Promise<CgroupLimits> {
  const groups = parseGroups((await tree.text('/proc/self/cgroup')) ?? '');
  const mounts = parseMounts((await tree.text('/proc/self/mountinfo')) ?? '');
  const quotas: number[] = [];
  const memories: number[] = [];
  for (const folder of foldersOf(groups, mounts, '')) {
    quotas.push(...(await quotaOfV2(tree, folder)));
    memories.push(...(await memoryOf(tree, `${folder}/memory.max`)));
  }
  for (const folder of foldersOf(groups, mounts, 'cpu')) {
    quotas.push(...(await quotaOfV1(tree, folder)));
  }
  for (const folder of foldersOf(groups, mounts, 'memory')) {
    memories.push(...(await memoryOf(tree, `${folder}/memory.limit_in_bytes`)));
  }
  if (await memoryIsOff(tree)) {
    tree.miss('memory.limitMiB', 'the kernel was started without control groups of memory');
  }
  return { quotaCores: least(quotas), memoryMiB: least(memories) };
}

/** Raspberry Pi OS starts so. cgroups(7), "/proc/cgroups": name, hierarchy, groups, enabled. */
async function memoryIsOff(tree: Tree): Promise<boolean> {
  return /^memory\s+\d+\s+\d+\s+0$/m.test((await tree.text('/proc/cgroups')) ?? '');
}

/**
 * Controller → path of the group; '' is version 2's one hierarchy. cgroups(7),
 * "/proc/[pid]/cgroup".
 */
export function parseGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    if (controllers === undefined || path.length === 0) continue;
    for (const controller of controllers.split(',')) groups.set(controller, path.join(':'));
  }
  return groups;
}

interface Mount {
  /** The group that the mount shows as its root. */
  readonly root: string;
  readonly folder: string;
}

/** Controller → where it is mounted. proc(5), "/proc/[pid]/mountinfo". */
export function parseMounts(text: string): Map<string, Mount> {
  const mounts = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, folder] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (root === undefined || folder === undefined) continue;
    if (type === 'cgroup2') mounts.set('', { root, folder });
    if (type !== 'cgroup') continue;
    for (const controller of options.split(',')) mounts.set(controller, { root, folder });
  }
  return mounts;
}

/** The group's folder and those above it, down to the mount. */
function foldersOf(
  groups: ReadonlyMap<string, string>,
  mounts: ReadonlyMap<string, Mount>,
  controller: string,
): string[] {
  const mount = mounts.get(controller) ?? {
    root: '/',
    folder: controller === '' ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controller}`,
  };
  const group = groups.get(controller) ?? '/';
  // Inside a container the mount often shows the container's own group as its root.
  const below = group.startsWith(mount.root) && mount.root !== '/';
  const parts = (below ? group.slice(mount.root.length) : group).split('/').filter(Boolean);
  const folders = [mount.folder];
  for (const part of parts.slice(0, 32)) {
    if (part === '..') return [mount.folder];
    folders.push(`${folders.at(-1)}/${part}`);
  }
  return folders;
}

async function quotaOfV2(tree: Tree, folder: string): Promise<number[]> {
  const [quota, period] = ((await tree.text(`${folder}/cpu.max`)) ?? '').split(' ').map(Number);
  return cores(quota, period);
}

async function quotaOfV1(tree: Tree, folder: string): Promise<number[]> {
  const quota = await tree.number(`${folder}/cpu.cfs_quota_us`);
  const period = await tree.number(`${folder}/cpu.cfs_period_us`);
  return cores(quota ?? undefined, period ?? undefined);
}

function cores(quota: number | undefined, period: number | undefined): number[] {
  if (quota === undefined || period === undefined) return [];
  return quota > 0 && period > 0 ? [quota / period] : [];
}

async function memoryOf(tree: Tree, path: string): Promise<number[]> {
  const bytes = await tree.number(path);
  return bytes !== null && bytes > 0 && bytes < unlimitedBytes ? [bytes / 2 ** 20] : [];
}

function least(values: readonly number[]): number | null {
  return values.length > 0 ? Math.min(...values) : null;
}
