/** The processor as this process may use it: allowed cores, quota, model, features, frequency. */
import { cpus } from 'node:os';
import { type Cluster, plausibleMHz, readClusters } from './clusters.ts';
import { parseCpuList } from './cpu-list.ts';
import { type CpuInfo, parseCpuInfo } from './cpuinfo.ts';
import { readThrottling } from './throttling.ts';
import type { Tree } from './tree.ts';

export interface Processor {
  readonly model: string;
  /** Logical cores this process may run on. */
  readonly cores: number;
  /** Physical cores among them; null where siblings are not told apart. */
  readonly physicalCores: number | null;
  readonly quotaCores: number | null;
  readonly features: readonly string[];
  /** Kinds of cores, the fastest first. */
  readonly clusters: readonly Cluster[];
  readonly identity: string;
  readonly frequencyMHzMax: number | null;
  readonly governor: string | null;
}

/** `limitCores` is the device's own setting: it lowers what the cgroup allows. */
export async function readProcessor(
  tree: Tree,
  limits: { quotaCores: number | null; limitCores: number | undefined },
): Promise<Processor> {
  const allowed = await allowedCores(tree);
  const info = parseCpuInfo((await tree.text('/proc/cpuinfo')) ?? '');
  const model = info.model || (tree.live ? (cpus()[0]?.model ?? '') : '');
  if (model === '') tree.miss('processor.model', '/proc/cpuinfo names none');
  if (info.features.length === 0) tree.miss('processor.features', '/proc/cpuinfo lists none');
  const policy = await readFrequency(tree, allowed);
  return {
    model: model === '' ? 'unknown' : model,
    cores: allowed.length,
    physicalCores: physicalOf(info, allowed),
    quotaCores: lower(limits.quotaCores, limits.limitCores),
    features: info.features,
    clusters: await readClusters(tree, info, allowed),
    identity: info.identity,
    ...policy,
  };
}

async function allowedCores(tree: Tree): Promise<number[]> {
  const status = (await tree.text('/proc/self/status')) ?? '';
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  const allowed = parseCpuList(list);
  // Recorded on another machine, the mask may name cores that the machine does not have.
  const online = new Set(parseCpuList((await tree.text('/sys/devices/system/cpu/online')) ?? ''));
  const usable = online.size > 0 ? allowed.filter((core) => online.has(core)) : allowed;
  if (usable.length > 0) return usable;
  tree.miss('processor.cores', '/proc/self/status has no valid Cpus_allowed_list');
  return Array.from({ length: tree.live ? Math.max(1, cpus().length) : 1 }, (_, core) => core);
}

function physicalOf(info: CpuInfo, allowed: readonly number[]): number | null {
  const cores = allowed.map((processor) => info.coreOf.get(processor));
  if (cores.some((core) => core === undefined)) return null;
  return new Set(cores).size;
}

/**
 * Documentation/admin-guide/pm/cpufreq.rst: cpuinfo_max_freq and scaling_max_freq in kHz,
 * scaling_governor. A limit that somebody set counts, one that heat sets for a while does not: a
 * device would change its class with the weather.
 */
async function readFrequency(
  tree: Tree,
  allowed: readonly number[],
): Promise<Pick<Processor, 'frequencyMHzMax' | 'governor'>> {
  const { now: slowed } = await readThrottling(tree);
  const limit = slowed ? 'cpuinfo_max_freq' : 'scaling_max_freq';
  const clocks: number[] = [];
  let governor: string | null = null;
  for (const core of allowed) {
    const folder = `/sys/devices/system/cpu/cpu${core}/cpufreq`;
    const kilohertz =
      (await tree.number(`${folder}/${limit}`)) ??
      (await tree.number(`${folder}/cpuinfo_max_freq`)) ??
      (await tree.number(`${folder}/scaling_max_freq`));
    if (kilohertz === null) continue;
    clocks.push(plausibleMHz(kilohertz) ?? 0);
    governor ??= await tree.label(`${folder}/scaling_governor`);
  }
  const fastest = Math.max(0, ...clocks);
  if (fastest === 0) tree.miss('processor.frequencyMHzMax', 'no cpufreq in /sys');
  return { frequencyMHzMax: fastest > 0 ? fastest : null, governor };
}

function lower(quota: number | null, limit: number | undefined): number | null {
  if (limit === undefined) return quota;
  return quota === null ? limit : Math.min(quota, limit);
}
