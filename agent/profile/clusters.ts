/** Groups of cores of one kind: big.LITTLE, performance and efficiency cores. */
import { parseCpuList } from './cpu-list.ts';
import type { CpuInfo } from './cpuinfo.ts';
import type { Tree } from './tree.ts';

export interface Cluster {
  /** `Cortex-A76`, or the model of the processor. */
  readonly name: string;
  /** How many of them this process may run on. */
  readonly cores: number;
  /** Their numbers, as `taskset` and the kernel count. */
  readonly cpus: readonly number[];
  /** How much work one does, relative to the fastest core of the machine, which is 1024. */
  readonly capacity: number | null;
  /** Of the hardware, whatever limit is set. */
  readonly frequencyMHzMax: number | null;
  readonly governor: string | null;
}

interface Core {
  readonly cpu: number;
  readonly name: string;
  readonly capacity: number | null;
  readonly frequencyMHzMax: number | null;
  readonly governor: string | null;
}

/** Cores of one type that differ by less are one kind: good and bad silicon, favoured cores. */
const sameWithin = 0.1;
/** Kinds that are told apart. */
const clustersMax = 8;

/** The fastest kind first; all cores in one where nothing tells them apart. */
export async function readClusters(
  tree: Tree,
  info: CpuInfo,
  allowed: readonly number[],
): Promise<Cluster[]> {
  const kinds = await hybridKinds(tree);
  const cores = await Promise.all(
    allowed.map((cpu) => readCore(tree, cpu, kinds(cpu) ?? info.typeOf.get(cpu) ?? '')),
  );
  const groups: Core[][] = [];
  for (const core of cores.toSorted(fastestFirst)) {
    const group = groups.find(([first]) => first !== undefined && isSameKind(first, core));
    if (group) group.push(core);
    else groups.push([core]);
  }
  return groups.slice(0, clustersMax).map(clusterOf);
}

/**
 * Documentation/ABI/testing/sysfs-devices-system-cpu: cpu_capacity;
 * Documentation/admin-guide/pm/cpufreq.rst: cpuinfo_max_freq in kHz, scaling_governor.
 */
async function readCore(tree: Tree, cpu: number, name: string): Promise<Core> {
  const folder = `/sys/devices/system/cpu/cpu${cpu}`;
  const capacity = await tree.number(`${folder}/cpu_capacity`);
  const kilohertz =
    (await tree.number(`${folder}/cpufreq/cpuinfo_max_freq`)) ??
    (await tree.number(`${folder}/cpufreq/scaling_max_freq`));
  return {
    ...{ cpu, name },
    capacity: capacity !== null && capacity > 0 && capacity <= 1024 ? capacity : null,
    frequencyMHzMax: plausibleMHz(kilohertz),
    governor: await tree.label(`${folder}/cpufreq/scaling_governor`),
  };
}

/** null where no processor has such a clock. */
export function plausibleMHz(kilohertz: number | null): number | null {
  const plausible = kilohertz !== null && kilohertz >= 10_000 && kilohertz <= 10_000_000;
  return plausible ? kilohertz / 1000 : null;
}

/** Hybrid x86, by the counters of each kind: tools/perf/Documentation/intel-hybrid.txt. */
async function hybridKinds(tree: Tree): Promise<(cpu: number) => string | null> {
  const big = parseCpuList((await tree.text('/sys/devices/cpu_core/cpus')) ?? '');
  const little = parseCpuList((await tree.text('/sys/devices/cpu_atom/cpus')) ?? '');
  return (cpu) => {
    if (big.includes(cpu)) return 'performance core';
    return little.includes(cpu) ? 'efficiency core' : null;
  };
}

function fastestFirst(a: Core, b: Core): number {
  const by = (one: Core) => [one.capacity ?? 0, one.frequencyMHzMax ?? 0] as const;
  const [capacityA, clockA] = by(a);
  const [capacityB, clockB] = by(b);
  return capacityB - capacityA || clockB - clockA || a.cpu - b.cpu;
}

function isSameKind(a: Core, b: Core): boolean {
  const near = (x: number | null, y: number | null) =>
    x === null || y === null ? x === y : Math.abs(x - y) <= sameWithin * Math.max(x, y);
  return (
    a.name === b.name && near(a.capacity, b.capacity) && near(a.frequencyMHzMax, b.frequencyMHzMax)
  );
}

function clusterOf(cores: readonly Core[]): Cluster {
  const [first] = cores;
  return {
    name: first?.name || 'core',
    cores: cores.length,
    cpus: cores.map((core) => core.cpu).sort((a, b) => a - b),
    capacity: first?.capacity ?? null,
    frequencyMHzMax: first?.frequencyMHzMax ?? null,
    governor: first?.governor ?? null,
  };
}
