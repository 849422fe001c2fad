/** Whether the processor is held back, by heat or by too little power, and by what. */
import type { Tree } from './tree.ts';

export interface Throttling {
  /** null where nothing tells. */
  readonly now: boolean | null;
  /** What holds it back now. */
  readonly reasons: readonly string[];
  /** What held it back at any time since the board started. */
  readonly since: readonly string[];
  /** What could hold it back, and how far it does. */
  readonly cooling: readonly Cooling[];
}

export interface Cooling {
  readonly name: string;
  /** 0 does nothing. */
  readonly state: number;
  readonly stateMax: number | null;
}

const coolingMax = 64;

export async function readThrottling(tree: Tree): Promise<Throttling> {
  const cooling = await readCooling(tree);
  const slowing = cooling.filter(({ name }) => isOfProcessor(name));
  const firmware = await firmwareFlags(tree);
  const volts = await underVoltage(tree);
  const reasons = [
    ...slowing.filter(({ state }) => state > 0).map(({ name }) => `${name} cools`),
    ...(firmware?.now ?? []),
    ...(volts === true ? [flags[0]] : []),
  ];
  const told = slowing.length > 0 || firmware !== null || volts !== null;
  return {
    now: told ? reasons.length > 0 : null,
    reasons: [...new Set(reasons)],
    since: firmware?.since ?? [],
    cooling,
  };
}

/** What slows the processor down: `cpufreq-cpu0`, before Linux 5.12 `thermal-cpufreq-0`. */
function isOfProcessor(name: string): boolean {
  return /^(thermal-)?cpufreq-/.test(name);
}

/** Documentation/driver-api/thermal/sysfs-api.rst: type, cur_state, max_state. */
async function readCooling(tree: Tree): Promise<Cooling[]> {
  const folder = '/sys/class/thermal';
  const found: Cooling[] = [];
  for (const device of await tree.names(folder)) {
    if (!device.startsWith('cooling_device') || found.length >= coolingMax) continue;
    const name = await tree.label(`${folder}/${device}/type`);
    const state = await tree.number(`${folder}/${device}/cur_state`);
    if (name === null || state === null || state < 0) continue;
    found.push({ name, state, stateMax: await tree.number(`${folder}/${device}/max_state`) });
  }
  return found;
}

/** Raspberry Pi documentation, `vcgencmd get_throttled`: bits 0 to 3 now, 16 to 19 ever. */
const flags = ['too little voltage', 'clock is capped', 'throttled', 'too warm'] as const;

/**
 * The Raspberry Pi's kernel shows the firmware's answer in hexadecimal below the platform device of
 * the firmware: `soc/soc:firmware/get_throttled`, `soc@107c000000/…:firmware` on a Pi 5.
 */
async function firmwareFlags(tree: Tree): Promise<{ now: string[]; since: string[] } | null> {
  const platform = '/sys/devices/platform';
  for (const soc of await tree.names(platform)) {
    if (!/^soc(@|$)/.test(soc)) continue;
    const text = await tree.text(`${platform}/${soc}/${soc}:firmware/get_throttled`);
    if (text === null || !/^(0x)?[0-9a-f]{1,8}$/i.test(text)) continue;
    const bits = Number.parseInt(text, 16);
    return {
      now: flags.filter((_, bit) => (bits >> bit) & 1),
      since: flags.filter((_, bit) => (bits >> (bit + 16)) & 1),
    };
  }
  return null;
}

/** Documentation/hwmon/raspberrypi-hwmon.rst: in0_lcrit_alarm of `rpi_volt`. */
async function underVoltage(tree: Tree): Promise<boolean | null> {
  const folder = '/sys/class/hwmon';
  for (const monitor of await tree.names(folder)) {
    if ((await tree.text(`${folder}/${monitor}/name`)) !== 'rpi_volt') continue;
    const alarm = await tree.number(`${folder}/${monitor}/in0_lcrit_alarm`);
    return alarm === null ? null : alarm !== 0;
  }
  return null;
}
