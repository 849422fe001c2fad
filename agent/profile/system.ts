/** The one door to systeminformation: asked only for what /proc and /sys do not tell. */

export interface SystemFacts {
  readonly processorModel: string | null;
  readonly frequencyMHzMax: number | null;
  readonly board: string | null;
  readonly distribution: string | null;
  readonly celsius: number | null;
  readonly batteryPercent: number | null;
  readonly onBattery: boolean | null;
  readonly gpus: readonly string[];
}

/** It starts programs of the system, and some of them wait for hardware. */
const timeoutMs = 4000;

/** What could be learnt within the time; the rest is null. */
export async function askSystem(): Promise<SystemFacts> {
  const { default: system } = await import('systeminformation');
  const [processor, machine, os, temperature, battery, graphics] = await Promise.all([
    within(system.cpu()),
    within(system.system()),
    within(system.osInfo()),
    within(system.cpuTemperature()),
    within(system.battery()),
    within(system.graphics()),
  ]);
  const model = `${processor?.manufacturer ?? ''} ${processor?.brand ?? ''}`.trim();
  return {
    processorModel: model || null,
    frequencyMHzMax: processor?.speedMax ? processor.speedMax * 1000 : null,
    board: `${machine?.manufacturer ?? ''} ${machine?.model ?? ''}`.trim() || null,
    distribution: `${os?.distro ?? ''} ${os?.release ?? ''}`.trim() || null,
    celsius: temperature?.main ?? null,
    batteryPercent: battery?.hasBattery ? battery.percent : null,
    onBattery: battery?.hasBattery ? !battery.acConnected : null,
    gpus: (graphics?.controllers ?? []).map((one) => one.model).filter((name) => name !== ''),
  };
}

async function within<T>(work: Promise<T>): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, timeoutMs, null);
  try {
    return await Promise.race([work.catch(() => null), promise]);
  } finally {
    clearTimeout(timer);
  }
}
