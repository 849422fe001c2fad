/** What the data lies on, and how worn it is. */
import { printable, type Tree } from './tree.ts';

export interface Storage {
  /** The block device, e.g. `mmcblk0`. */
  readonly device: string | null;
  readonly kind: 'sd' | 'emmc' | 'nvme' | 'ufs' | 'ssd' | 'disk' | 'usb' | 'virtual' | null;
  /** As its maker calls it. */
  readonly model: string | null;
  /** How much of the promised life is used, in steps of 10; above 100 is beyond it. */
  readonly wearPercent: number | null;
}

const none: Storage = { device: null, kind: null, model: null, wearPercent: null };

/** The device that holds the folder; of a recorded tree, the one that holds `/`. */
export async function readStorage(tree: Tree, folder: string): Promise<Storage> {
  const device = await deviceOf(tree, folder);
  if (device === null) {
    tree.miss('disk.kind', 'no block device is known to hold the data');
    return none;
  }
  const kind = await kindOf(tree, device);
  const path = `/sys/block/${device}/device`;
  const model = (await tree.label(`${path}/model`)) ?? (await tree.label(`${path}/name`));
  const wearPercent = await wearOf(tree, device, kind);
  if (wearPercent === null && kind !== 'virtual') tree.miss('disk.wearPercent', unsaid(kind));
  return { device, kind, model, wearPercent };
}

/** proc(5), "/proc/[pid]/mountinfo": the mount with the longest path above the folder. */
async function deviceOf(tree: Tree, folder: string): Promise<string | null> {
  let best = { length: 0, number: '' };
  for (const line of ((await tree.text('/proc/self/mountinfo')) ?? '').split('\n')) {
    const [, , number = '', , mount = ''] = line.split(' ');
    const above = mount === '/' || folder === mount || folder.startsWith(`${mount}/`);
    if (above && mount.length >= best.length) best = { length: mount.length, number };
  }
  // A link such as ../../devices/…/block/mmcblk0/mmcblk0p2; a whole disk has no second part.
  const link = /^\d+:\d+$/.test(best.number) && (await tree.link(`/sys/dev/block/${best.number}`));
  if (link) return printable(/\/block\/([^/]+)/.exec(link)?.[1] ?? '') || null;
  const disks = (await tree.names('/sys/block')).filter(
    (name) => !/^(loop|ram|zram|dm-)/.test(name),
  );
  return disks.length === 1 ? printable(disks[0] ?? '') || null : null;
}

/** Documentation/ABI/testing/sysfs-block: queue/rotational, removable; mmc: device/type. */
async function kindOf(tree: Tree, device: string): Promise<Storage['kind']> {
  const path = `/sys/block/${device}`;
  if (device.startsWith('nvme')) return 'nvme';
  if (/^(vd|xvd|zram|loop|ram|dm-)/.test(device)) return 'virtual';
  if (device.startsWith('mmcblk')) {
    const type = await tree.text(`${path}/device/type`);
    return type === 'SD' ? 'sd' : type === 'MMC' ? 'emmc' : null;
  }
  if (!device.startsWith('sd')) return null;
  const link = (await tree.link(path)) ?? '';
  if (/\/usb\d/.test(link)) return 'usb';
  if (/ufs/.test(link)) return 'ufs';
  const rotational = await tree.number(`${path}/queue/rotational`);
  return rotational === 1 ? 'disk' : rotational === 0 ? 'ssd' : null;
}

/**
 * Documentation/driver-api/mmc/mmc-dev-attrs.rst, `life_time`: two values, 0x01 is up to 10 % used,
 * 0x0b is beyond the promised life (JEDEC 84-B51, DEVICE_LIFE_TIME_EST_TYP_A and _B).
 */
async function wearOf(tree: Tree, device: string, kind: Storage['kind']): Promise<number | null> {
  if (kind !== 'emmc') return null;
  const text = (await tree.text(`/sys/block/${device}/device/life_time`)) ?? '';
  const steps = text
    .split(/\s+/)
    .map(Number)
    .filter((step) => step >= 1 && step <= 11);
  return steps.length > 0 ? Math.max(...steps) * 10 : null;
}

function unsaid(kind: Storage['kind']): string {
  if (kind === 'emmc') return 'life_time of the eMMC says nothing';
  if (kind === 'nvme') return 'an NVMe disk tells its wear to the superuser alone (smartctl)';
  return kind === 'sd' ? 'an SD card does not tell its wear' : 'this kind of disk does not tell it';
}
