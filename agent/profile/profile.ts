/**
 * What this device is: reads /proc, /sys and /etc, runs short probes, and names its hardware
 * class.
 */
import * as v from 'valibot';
import { reasonOf } from '../../shared/errors.ts';
import { productVersion } from '../../shared/product.ts';
import { Profile } from '../../shared/protocol/profile.ts';
import { readAccelerators } from './accelerators.ts';
import { readBoard } from './board.ts';
import { readCgroupLimits } from './cgroup.ts';
import { memoryClock } from './clocks.ts';
import { readDisk } from './disk.ts';
import { hardwareClass } from './hardware-class.ts';
import { readMemory } from './memory.ts';
import { readPower } from './power.ts';
import { type ProbeResult, runProbes } from './probes.ts';
import { readProcessor } from './processor.ts';
import { readRuntimeVersion } from './runtime-version.ts';
import { readTemperatures } from './thermal.ts';
import { readThrottling } from './throttling.ts';
import { openTree, type Tree } from './tree.ts';

export interface ProfileOptions {
  readonly device: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The device's own settings: it uses no more than this, whatever the machine has. */
  readonly limits?: { readonly cores?: number; readonly memoryMiB?: number };
  /** A folder that stands for `/`: a recorded device. */
  readonly root?: string;
  /** The folder whose file system counts as the disk; `root` where nothing is said. */
  readonly dataFolder?: string;
  /** Whether to measure, for about a second and a half, in a child process. */
  readonly probes: boolean;
  readonly signal?: AbortSignal;
}

/** Whatever cannot be read is null and listed in `missing` with the reason; nothing throws. */
export async function profileDevice(options: ProfileOptions): Promise<Profile> {
  const tree = openTree(options.root);
  const facts = await readFacts(tree, options);
  const measured = await measure(tree, facts.memory.limitMiB, options);
  const providers = measured.providers ?? ['cpu'];
  const runtimeVersion = measured.runtimeVersion ?? (await readRuntimeVersion()) ?? 'none';
  const { identity, ...processor } = facts.processor;
  return v.parse(Profile, {
    v: 1,
    device: options.device,
    at: new Date().toISOString(),
    hardwareClass: hardwareClass({
      ...processor,
      arch: facts.os.arch,
      identity,
      powerMode: facts.power.mode,
      totalMiB: facts.memory.totalMiB,
      limitMiB: facts.memory.limitMiB,
      accelerators: facts.accelerators.map((one) => one.name),
      providers,
    }),
    agentVersion: productVersion(),
    runtimeVersion,
    ...facts,
    processor,
    providers,
    probes: measured.probes ?? null,
    labels: options.labels ?? {},
    missing: tree.missing,
  });
}

async function readFacts(tree: Tree, options: ProfileOptions): Promise<Facts> {
  const cgroup = await readCgroupLimits(tree);
  const [board, processor, memory, disk, temperatures, throttling, power, accelerators] =
    await Promise.all([
      readBoard(tree),
      readProcessor(tree, {
        quotaCores: cgroup.quotaCores,
        limitCores: options.limits?.cores,
      }),
      readMemory(tree, {
        cgroupMiB: cgroup.memoryMiB,
        limitMiB: options.limits?.memoryMiB,
      }),
      readDisk(tree, options.dataFolder ?? options.root ?? '/'),
      readTemperatures(tree),
      readThrottling(tree),
      readPower(tree),
      readAccelerators(tree),
    ]);
  const { name, module, compatible, os } = board;
  const facts = {
    ...{ board: name, module, compatible, os, processor, disk },
    memory: { ...memory, ...(await memoryClock(tree)) },
    ...{ temperatures, throttling, power, accelerators },
  };
  return tree.live && process.platform !== 'linux' ? await askInstead(tree, facts) : facts;
}

interface Facts {
  board: string | null;
  module: string | null;
  compatible: readonly string[];
  os: Awaited<ReturnType<typeof readBoard>>['os'];
  processor: Awaited<ReturnType<typeof readProcessor>>;
  memory: Awaited<ReturnType<typeof readMemory>> & Awaited<ReturnType<typeof memoryClock>>;
  disk: Awaited<ReturnType<typeof readDisk>>;
  temperatures: Awaited<ReturnType<typeof readTemperatures>>;
  throttling: Awaited<ReturnType<typeof readThrottling>>;
  power: Awaited<ReturnType<typeof readPower>>;
  accelerators: Awaited<ReturnType<typeof readAccelerators>>;
}

/** Where there is no /proc and /sys, a library asks the system's own tools. */
async function askInstead(tree: Tree, facts: Facts): Promise<Facts> {
  try {
    const { askSystem } = await import('./system.ts');
    const system = await askSystem();
    return {
      ...facts,
      board: facts.board ?? system.board,
      os: { ...facts.os, distribution: facts.os.distribution ?? system.distribution },
      processor: {
        ...facts.processor,
        model: system.processorModel ?? facts.processor.model,
        frequencyMHzMax: system.frequencyMHzMax,
      },
      temperatures: system.celsius === null ? [] : [{ name: 'processor', celsius: system.celsius }],
      power: {
        ...facts.power,
        source: system.onBattery === null ? null : system.onBattery ? 'battery' : 'mains',
        batteryPercent: system.batteryPercent,
      },
      accelerators: system.gpus.map((name) => ({ kind: 'gpu' as const, name })),
    };
  } catch (thrown) {
    tree.miss('system', reasonOf(thrown));
    return facts;
  }
}

async function measure(
  tree: Tree,
  memoryLimitMiB: number | null,
  options: ProfileOptions,
): Promise<Partial<ProbeResult>> {
  if (!options.probes) {
    tree.miss('probes', 'not asked for');
    return {};
  }
  const signal = options.signal ?? new AbortController().signal;
  const measured = await runProbes({ memoryLimitMiB, signal });
  if (measured.probes === undefined) tree.miss('probes', measured.failure ?? 'nothing was said');
  if (measured.providers === undefined) {
    tree.miss('providers', measured.failure ?? 'nothing was said');
  }
  return measured;
}
