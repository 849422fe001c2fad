/** What could compute beside the processor. Found is not usable: providers say what opens. */

import { own } from '../../shared/own.ts';
import { type Clock, clockOf, gpuLoads, loadOf } from './clocks.ts';
import type { Tree } from './tree.ts';

export interface Accelerator extends Partial<Clock> {
  readonly kind: 'gpu' | 'npu' | 'dla';
  readonly name: string;
  /** How busy it is now; absent where nobody says. */
  readonly loadPercent?: number;
}

export async function readAccelerators(tree: Tree): Promise<Accelerator[]> {
  const found: Accelerator[] = [];
  for (const finder of [nvidiaCards, integratedGpus, deepLearningCores, drmCards, npus]) {
    for (const one of await finder(tree)) {
      if (!found.some((other) => other.kind === one.kind && other.name === one.name)) {
        found.push(one);
      }
    }
  }
  return found.slice(0, 32);
}

/** The proprietary driver: /proc/driver/nvidia/gpus/<address>/information. */
async function nvidiaCards(tree: Tree): Promise<Accelerator[]> {
  const folder = '/proc/driver/nvidia/gpus';
  const cards: Accelerator[] = [];
  for (const address of await tree.names(folder)) {
    const text = (await tree.text(`${folder}/${address}/information`)) ?? '';
    const name = /^Model:\s*([\x20-\x7e]{1,64})/m.exec(text)?.[1]?.trim() ?? 'NVIDIA GPU';
    cards.push({ kind: 'gpu', name });
  }
  return cards;
}

/** Integrated GPUs that jetson_stats and its kin know by the name of their devfreq node. */
const tegraChips: Readonly<Record<string, string>> = {
  gm20b: 'Tegra X1 GPU (Maxwell)',
  gp10b: 'Tegra X2 GPU (Pascal)',
  gv11b: 'Xavier GPU (Volta)',
  ga10b: 'Orin GPU (Ampere)',
  gb10b: 'Thor GPU (Blackwell)',
};

/**
 * Jetson Linux up to 35 names the devfreq node by the chip (`17000000.gv11b`), except on Nano
 * (`57000000.gpu`); 36 calls all of them `17000000.gpu`: `modalias` then tells the chip.
 * Rockchip's and others' are `fb000000.gpu`, Arm's by their `modalias`.
 */
async function integratedGpus(tree: Tree): Promise<Accelerator[]> {
  const folder = '/sys/class/devfreq';
  for (const node of await tree.names(folder)) {
    const device = `${folder}/${node}/device`;
    const chip = /\.(\w+)$/.exec(node)?.[1] ?? '';
    const name =
      own(tegraChips, chip) ?? (chip === 'gpu' ? await gpuName(tree, device) : undefined);
    if (name === undefined) continue;
    const clock = await clockOf(tree, `${folder}/${node}`);
    const load = await loadOf(tree, gpuLoads(`${folder}/${node}`));
    return [{ kind: 'gpu', name, ...clock, ...load }];
  }
  for (const path of ['/sys/devices/platform/gpu.0', '/sys/devices/gpu.0']) {
    const name = await gpuName(tree, path);
    if (name !== undefined) return [{ kind: 'gpu', name, ...(await loadOf(tree, gpuLoads(null))) }];
  }
  return [];
}

async function gpuName(tree: Tree, device: string): Promise<string | undefined> {
  const alias =
    (await tree.text(`${device}/modalias`)) ?? (await tree.text(`${device}/uevent`)) ?? '';
  const chip = Object.keys(tegraChips).find((one) => alias.includes(one));
  if (chip !== undefined) return tegraChips[chip];
  return /arm,mali|mali-/.test(alias) ? 'Arm Mali GPU' : undefined;
}

/** Below host1x, since release 36 one level deeper: `15880000.nvdla0`. */
async function deepLearningCores(tree: Tree): Promise<Accelerator[]> {
  const cores: Accelerator[] = [];
  for (const folder of ['/sys/devices/platform', '/sys/devices/platform/bus@0', '/sys/devices']) {
    for (const host of await tree.names(folder)) {
      if (!host.endsWith('host1x')) continue;
      for (const device of await tree.names(`${folder}/${host}`)) {
        const core = /\.nvdla(\d)$/.exec(device)?.[1];
        if (core !== undefined) cores.push({ kind: 'dla', name: `NVDLA ${core}` });
      }
    }
  }
  return cores.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** PCI vendor numbers of pci.ids; cards without one are parts of a system on chip. */
const vendors: Readonly<Record<string, string>> = {
  '0x10de': 'NVIDIA',
  '0x1002': 'AMD',
  '0x8086': 'Intel',
  '0x1af4': 'virtio',
  '0x15ad': 'VMware',
  '0x1234': 'QEMU',
};

/** Drivers of cards that only show pictures. */
const displayOnly = ['bochs-drm', 'cirrus', 'qxl', 'ast', 'mgag200', 'simpledrm', 'vc4-drm'];

async function drmCards(tree: Tree): Promise<Accelerator[]> {
  const cards: Accelerator[] = [];
  for (const card of await tree.names('/sys/class/drm')) {
    if (!/^card\d+$/.test(card)) continue;
    const device = `/sys/class/drm/${card}/device`;
    const vendor = await tree.text(`${device}/vendor`);
    const model = (await tree.text(`${device}/device`)) ?? '';
    const driver = /^DRIVER=(.+)$/m.exec((await tree.text(`${device}/uevent`)) ?? '')?.[1];
    if (driver !== undefined && displayOnly.includes(driver)) continue;
    const name =
      vendor === null ? driver : `${own(vendors, vendor) ?? `PCI ${vendor}`} ${model}`.trim();
    if (name !== undefined) cards.push({ kind: 'gpu', name });
  }
  return cards;
}

/** Compute accelerators (Documentation/accel), Rockchip's, Google's and Hailo's own drivers. */
async function npus(tree: Tree): Promise<Accelerator[]> {
  const found: Accelerator[] = [];
  for (const accel of await tree.names('/sys/class/accel')) {
    const uevent = (await tree.text(`/sys/class/accel/${accel}/device/uevent`)) ?? '';
    found.push({ kind: 'npu', name: /^DRIVER=(.+)$/m.exec(uevent)?.[1] ?? accel });
  }
  const npu = (await tree.names('/sys/class/devfreq')).find((node) => node.endsWith('.npu'));
  if (npu !== undefined) {
    const clock = await clockOf(tree, `/sys/class/devfreq/${npu}`);
    found.push({ kind: 'npu', name: 'Rockchip NPU', ...clock });
  }
  if ((await tree.names('/sys/class/apex')).length > 0) {
    found.push({ kind: 'npu', name: 'Coral Edge TPU' });
  }
  if ((await tree.names('/sys/class/hailo_chardev')).length > 0) {
    found.push({ kind: 'npu', name: 'Hailo' });
  }
  return found;
}
