/**
 * What the device takes over a span of time, from a counter of energy or from a rail that is looked
 * at again and again.
 */
import { readWatts } from './power.ts';
import type { Tree } from './tree.ts';

export interface EnergyMeter {
  /** Since the start; null where it can no longer be read. */
  stop(): Promise<Energy | null>;
}

export interface Energy {
  readonly joules: number;
  readonly seconds: number;
}

/** null where nothing says what the device takes. */
export async function startEnergyMeter(tree: Tree): Promise<EnergyMeter | null> {
  return (await startCounters(tree)) ?? (await startSamples(tree));
}

const powercap = '/sys/class/powercap';

/**
 * Documentation/power/powercap/powercap.rst: `energy_uj` of the zones `intel-rapl:N` counts
 * microjoules and begins anew after `max_energy_range_uj`; processors of AMD are under the same
 * name. Zones within a package (`intel-rapl:N:M`) are part of it, and `psys` holds all packages.
 * null where there are none, or they may not be read.
 */
export async function startCounters(
  tree: Tree,
  nowMs = () => performance.now(),
): Promise<EnergyMeter | null> {
  const packages: string[] = [];
  for (const zone of await tree.names(powercap)) {
    if (!/^intel-rapl:\d+$/.test(zone)) continue;
    const name = await tree.text(`${powercap}/${zone}/name`);
    if (name?.startsWith('package')) packages.push(`${powercap}/${zone}`);
  }
  const read = () => Promise.all(packages.map((zone) => tree.number(`${zone}/energy_uj`)));
  const ranges = await Promise.all(
    packages.map((zone) => tree.number(`${zone}/max_energy_range_uj`)),
  );
  const before = await read();
  // Only the superuser may read the counters since Linux 5.10.
  if (packages.length === 0 || before.includes(null)) return null;
  const startMs = nowMs();
  return {
    async stop() {
      const after = await read();
      const seconds = (nowMs() - startMs) / 1000;
      let microjoules = 0;
      for (const [at, end] of after.entries()) {
        const start = before[at];
        if (end === null || start === null || start === undefined) return null;
        microjoules += end >= start ? end - start : end - start + (ranges[at] ?? 0);
      }
      return { joules: microjoules / 1e6, seconds };
    },
  };
}

/** A monitor on a slow bus answers within milliseconds, and averages over some of its own. */
const sampleMs = 50;

async function startSamples(tree: Tree): Promise<EnergyMeter | null> {
  const first = await readWatts(tree);
  if (first === null) return null;
  const startMs = performance.now();
  const samples = [first];
  let reading: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    reading = reading.then(async () => {
      const watts = await readWatts(tree);
      if (watts !== null) samples.push(watts);
    });
  }, sampleMs);
  return {
    async stop() {
      clearInterval(timer);
      await reading;
      const seconds = (performance.now() - startMs) / 1000;
      const watts = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
      return { joules: watts * seconds, seconds };
    },
  };
}
