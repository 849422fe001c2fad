/** What else the machine did while something was timed: processors, frequency, temperature. */

import { parseCpuList } from '../profile/cpu-list.ts';
import { startEnergyMeter } from '../profile/energy.ts';
import { hottestCelsius } from '../profile/thermal.ts';
import { openTree, type Tree } from '../profile/tree.ts';
import type { Conditions } from './trial-protocol.ts';

interface Watching {
  /** The folder that stands for `/`. */
  readonly root?: string | undefined;
  /** Whether the power is measured too. */
  readonly power?: boolean;
}

export interface Watch {
  end(): Promise<Conditions>;
}

/** Watches the processors that this process may use, until `end`. What cannot be read is null. */
export async function watchMachine({ root = '/', power = false }: Watching = {}): Promise<Watch> {
  const tree = openTree(root);
  const before = await look(tree, root);
  const own = process.cpuUsage();
  const meter = power ? await startEnergyMeter(tree) : null;
  const startMs = performance.now();
  return {
    async end() {
      const taken = (await meter?.stop()) ?? null;
      const powerW = taken && taken.joules / Math.max(taken.seconds, 1e-3);
      const seconds = (performance.now() - startMs) / 1000;
      const { user, system } = process.cpuUsage(own);
      const after = await look(tree, root);
      return {
        ...{ seconds, powerW },
        ...differences(before, after, { seconds, ownSeconds: (user + system) / 1e6 }),
      };
    },
  };
}

interface Look {
  readonly cores: number;
  /** Of the watched processors together, since the machine started. */
  readonly busySeconds: number | null;
  readonly stolenSeconds: number | null;
  /** The slowest of them now. */
  readonly frequencyMHz: number | null;
  /** How often the processor throttled itself. */
  readonly throttles: number | null;
  readonly temperatureC: number | null;
}

async function look(tree: Tree, root: string): Promise<Look> {
  const cores = parseCpuList(
    /^Cpus_allowed_list:\s*(\S+)/m.exec((await tree.text('/proc/self/status')) ?? '')?.[1] ?? '',
  );
  const times = processorTimes((await tree.text('/proc/stat')) ?? '', cores);
  const folder = (core: number) => `/sys/devices/system/cpu/cpu${core}`;
  const read = async (path: string) => {
    const found = await Promise.all(cores.map((core) => tree.number(`${folder(core)}/${path}`)));
    return found.filter((value) => value !== null);
  };
  const kilohertz = await read('cpufreq/scaling_cur_freq');
  const throttles = await read('thermal_throttle/core_throttle_count');
  return {
    cores: cores.length,
    ...times,
    frequencyMHz: kilohertz.length > 0 ? Math.min(...kilohertz) / 1000 : null,
    throttles: throttles.length > 0 ? throttles.reduce((sum, count) => sum + count, 0) : null,
    temperatureC: await hottestCelsius(root),
  };
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/**
 * `cpuN user nice system idle iowait irq softirq steal guest guest_nice`, in ticks; guests are
 * counted as user time too. proc(5), "/proc/stat".
 */
export function processorTimes(
  stat: string,
  cores: readonly number[],
): Pick<Look, 'busySeconds' | 'stolenSeconds'> {
  let busy = 0;
  let stolen = 0;
  let found = 0;
  for (const [, core, rest = ''] of stat.matchAll(/^cpu(\d+) (.*)$/gm)) {
    if (!cores.includes(Number(core))) continue;
    const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, steal = 0] = rest
      .split(' ')
      .map(Number);
    busy += user + nice + system + irq + soft;
    stolen += steal;
    found += 1;
  }
  if (found === 0) return { busySeconds: null, stolenSeconds: null };
  return { busySeconds: busy / ticksPerSecond, stolenSeconds: stolen / ticksPerSecond };
}

function differences(
  before: Look,
  after: Look,
  { seconds, ownSeconds }: { readonly seconds: number; readonly ownSeconds: number },
): Omit<Conditions, 'seconds' | 'powerW'> {
  const over = (value: number) => Math.max(0, value) / Math.max(seconds, 1e-3);
  const both = (a: number | null, b: number | null) => (a === null || b === null ? null : b - a);
  const busy = both(before.busySeconds, after.busySeconds);
  const stolen = both(before.stolenSeconds, after.stolenSeconds);
  return {
    cores: before.cores,
    otherCores: busy === null ? null : over(busy - ownSeconds),
    stolenCores: stolen === null ? null : over(stolen),
    frequencyMHzBefore: before.frequencyMHz,
    frequencyMHzAfter: after.frequencyMHz,
    throttles: both(before.throttles, after.throttles),
    temperatureC: after.temperatureC,
  };
}
