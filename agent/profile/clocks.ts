/** Clocks and load of what is not the processor: GPU, NPU, memory. */
import type { Tree } from './tree.ts';

export interface Clock {
  readonly frequencyMHz: number;
  readonly frequencyMHzMax: number;
}

/** Documentation/ABI/testing/sysfs-class-devfreq: cur_freq and max_freq in Hz. */
export async function clockOf(tree: Tree, node: string): Promise<Partial<Clock>> {
  const now = await tree.number(`${node}/cur_freq`);
  return clock(now, await tree.number(`${node}/max_freq`));
}

/** Of the integrated GPU. */
export async function gpuLoad(tree: Tree): Promise<{ readonly loadPercent?: number }> {
  const folder = '/sys/class/devfreq';
  const node = (await tree.names(folder)).find((name) => /\.(gpu|g[a-z]\d\db)$/.test(name));
  return await loadOf(tree, gpuLoads(node === undefined ? null : `${folder}/${node}`));
}

/** Where the load of a GPU with this devfreq node may stand. */
export function gpuLoads(node: string | null): string[] {
  const old = ['/sys/devices/gpu.0/load', '/sys/devices/platform/gpu.0/load'];
  return node === null ? old : [`${node}/device/load`, `${node}/load`, ...old];
}

/**
 * Tegra says thousandths (nvgpu, `load`), Rockchip's kernel `57@800000000Hz` in percent. The first
 * file that says anything counts.
 */
export async function loadOf(
  tree: Tree,
  files: readonly string[],
): Promise<{ readonly loadPercent?: number }> {
  for (const file of files) {
    const found = /^(\d{1,4})(@\d+Hz)?$/.exec((await tree.text(file)) ?? '');
    if (!found) continue;
    const loadPercent = found[2] === undefined ? Number(found[1]) / 10 : Number(found[1]);
    return loadPercent <= 100 ? { loadPercent } : {};
  }
  return {};
}

/**
 * The memory's clock. Jetson: of the external memory controller, in the debug files of the BPMP, or
 * of the clock framework on Nano and TX1; both are open to the superuser alone. Rockchip: devfreq.
 */
export async function memoryClock(tree: Tree): Promise<Partial<Clock>> {
  const debug = '/sys/kernel/debug';
  const sources = [
    { now: '/sys/class/devfreq/dmc/cur_freq', max: '/sys/class/devfreq/dmc/max_freq' },
    { now: `${debug}/bpmp/debug/clk/emc/rate`, max: `${debug}/bpmp/debug/clk/emc/max_rate` },
    {
      now: `${debug}/clk/override.emc/clk_rate`,
      max: `${debug}/tegra_bwmgr/emc_max_rate`,
    },
  ];
  for (const { now, max } of sources) {
    const found = clock(await tree.number(now), await tree.number(max));
    if (found.frequencyMHz !== undefined) return found;
  }
  if ((await tree.trouble(`${debug}/bpmp`)) === 'permission denied') {
    tree.miss('memory.frequencyMHz', `${debug}: permission denied`);
  }
  return {};
}

/** Below 1 MHz and above 100 GHz a file is broken. */
const hertz = { min: 1e6, max: 1e11 } as const;

function clock(now: number | null, max: number | null): Partial<Clock> {
  const plausible = (value: number) => value >= hertz.min && value <= hertz.max;
  return {
    ...(now !== null && plausible(now) && { frequencyMHz: now / 1e6 }),
    ...(max !== null && plausible(max) && { frequencyMHzMax: max / 1e6 }),
  };
}
