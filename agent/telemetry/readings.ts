/** What the device's sensors say at the end of a window; what cannot be read is left out. */
import { gpuLoad } from '../profile/clocks.ts';
import { parseCpuList } from '../profile/cpu-list.ts';
import { freeDiskMiB } from '../profile/disk.ts';
import { type EnergyMeter, startCounters } from '../profile/energy.ts';
import { readDraw } from '../profile/power.ts';
import { hottestCelsius } from '../profile/thermal.ts';
import { readThrottling } from '../profile/throttling.ts';
import { openTree, type Tree } from '../profile/tree.ts';

export interface DeviceReadings {
  readonly temperatureC: number | null;
  readonly frequencyMHz?: number;
  readonly throttled?: boolean;
  readonly powerW?: number;
  /** Where there are several; they overlap. */
  readonly rails?: { name: string; watts: number }[];
  readonly diskFreeMiB?: number;
  /** The share of the GPU's time that it was busy, 0 to 1. */
  readonly gpuLoad?: number;
}

/** Cores whose frequency is read: reading those of a server takes longer than it is worth. */
const coresMax = 16;

export interface ReaderOptions {
  /** A folder that stands for `/`: a recorded device. */
  readonly root?: string;
  readonly nowMs?: () => number;
}

/** A reader of the device; each call speaks of the time since the last one. */
export function deviceReader(
  dataFolder: string,
  { root = '/', nowMs = () => performance.now() }: ReaderOptions = {},
): () => Promise<DeviceReadings> {
  let before: number | null = null;
  const packageWatts = packageMeter(nowMs);
  return async () => {
    const tree = openTree(root);
    const cores = await ownCores(tree);
    const count = await throttleCount(tree, cores);
    const { now: slowed } = await readThrottling(tree);
    const rose = count !== null && before !== null ? count > before : null;
    before = count;
    const throttled = slowed === null ? rose : slowed || rose === true;
    const frequencyMHz = await slowestMHz(tree, cores);
    const { watts, rails } = await readDraw(tree);
    const powerW = watts ?? (await packageWatts(tree));
    const diskFreeMiB = await freeDiskMiB(dataFolder);
    const gpu = await gpuLoad(tree);
    return {
      temperatureC: await hottestCelsius(root),
      ...(frequencyMHz !== null && { frequencyMHz }),
      ...(throttled !== null && { throttled }),
      ...(powerW !== null && { powerW }),
      ...(rails.length > 1 && { rails: rails.map((rail) => ({ ...rail })) }),
      ...(diskFreeMiB !== null && { diskFreeMiB }),
      ...(gpu.loadPercent !== undefined && { gpuLoad: gpu.loadPercent / 100 }),
    };
  };
}

/**
 * What the packages of the processor took since the last call, where the kernel counts it: all that
 * is known of a board without rails.
 */
function packageMeter(nowMs: () => number): (tree: Tree) => Promise<number | null> {
  let meter: EnergyMeter | null = null;
  return async (tree) => {
    const energy = (await meter?.stop()) ?? null;
    meter = await startCounters(tree, nowMs);
    return energy === null || energy.seconds <= 0 ? null : energy.joules / energy.seconds;
  };
}

async function ownCores(tree: Tree): Promise<number[]> {
  const status = (await tree.text('/proc/self/status')) ?? '';
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  return parseCpuList(list).slice(0, coresMax);
}

/** Documentation/admin-guide/pm/cpufreq.rst: scaling_cur_freq in kHz. */
async function slowestMHz(tree: Tree, cores: readonly number[]): Promise<number | null> {
  const found = await ofCores(tree, cores, 'cpufreq/scaling_cur_freq');
  return found.length > 0 ? Math.round(Math.min(...found) / 1000) : null;
}

/** x86: how often the cores slowed themselves since the machine started. */
async function throttleCount(tree: Tree, cores: readonly number[]): Promise<number | null> {
  const found = await ofCores(tree, cores, 'thermal_throttle/core_throttle_count');
  return found.length > 0 ? found.reduce((sum, count) => sum + count, 0) : null;
}

async function ofCores(tree: Tree, cores: readonly number[], path: string): Promise<number[]> {
  const folder = '/sys/devices/system/cpu';
  const read = cores.map((core) => tree.number(`${folder}/cpu${core}/${path}`));
  return (await Promise.all(read)).filter((value) => value !== null);
}
