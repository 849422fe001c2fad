/** Where the power comes from, in which mode the board runs, and what it draws now. */
import type { Tree } from './tree.ts';

export interface Power {
  readonly source: 'mains' | 'battery' | null;
  readonly batteryPercent: number | null;
  readonly mode: string | null;
  readonly watts: number | null;
}

export async function readPower(tree: Tree): Promise<Power> {
  const supply = await readSupplies(tree);
  const mode = await readMode(tree);
  const watts = await readWatts(tree);
  if (supply.source === null) tree.miss('power.source', 'no supply in /sys/class/power_supply');
  if (mode === null) tree.miss('power.mode', 'neither nvpmodel nor platform_profile');
  if (watts === null) tree.miss('power.watts', 'no power monitor in /sys/class/hwmon');
  return { ...supply, mode, watts };
}

/** Documentation/ABI/testing/sysfs-class-power: type, online, status, capacity, scope. */
async function readSupplies(tree: Tree): Promise<Pick<Power, 'source' | 'batteryPercent'>> {
  const folder = '/sys/class/power_supply';
  let mains: boolean | null = null;
  let discharging: boolean | null = null;
  let batteryPercent: number | null = null;
  for (const supply of await tree.names(folder)) {
    const type = await tree.text(`${folder}/${supply}/type`);
    // A mouse has a battery too.
    if ((await tree.text(`${folder}/${supply}/scope`)) === 'Device') continue;
    if (type === 'Battery') {
      const status = (await tree.text(`${folder}/${supply}/status`)) ?? '';
      if (batteryStates.includes(status)) discharging = status === 'Discharging';
      const percent = await tree.number(`${folder}/${supply}/capacity`);
      if (percent !== null && percent >= 0 && percent <= 100) batteryPercent = percent;
    } else if (type === 'Mains' || type === 'USB') {
      mains = mains === true || (await tree.number(`${folder}/${supply}/online`)) === 1;
    }
  }
  const source = mains || discharging === false ? 'mains' : discharging ? 'battery' : null;
  return { source, batteryPercent };
}

/** Anything else is no answer. */
const batteryStates = ['Charging', 'Discharging', 'Not charging', 'Full'];

/** Jetson: the mode's number is in nvpmodel's status, its name in its configuration. */
async function readMode(tree: Tree): Promise<string | null> {
  const status = (await tree.text('/var/lib/nvpmodel/status')) ?? '';
  const id = /pmode:0*(\d+)/.exec(status)?.[1];
  if (id !== undefined) {
    const settings = (await tree.text('/etc/nvpmodel.conf')) ?? '';
    const name = new RegExp(`^<\\s*POWER_MODEL\\s+ID=${id}\\s+NAME=(\\S+)`, 'm').exec(settings);
    return name?.[1] ?? `mode ${id}`;
  }
  return tree.text('/sys/firmware/acpi/platform_profile');
}

/**
 * The board's input rail where one is named so, else nothing: other rails overlap.
 * INA3221 through hwmon (Documentation/hwmon/ina3221.rst: mV and mA) or through the
 * older L4T driver (`rail_name_N`, `in_powerN_input` in mW).
 */
export async function readWatts(tree: Tree): Promise<number | null> {
  return (await wattsOfMonitors(tree)) ?? (await wattsOfOldJetson(tree));
}

const inputRails = ['VDD_IN', 'POM_5V_IN', '5V_IN'];

async function wattsOfMonitors(tree: Tree): Promise<number | null> {
  const folder = '/sys/class/hwmon';
  for (const monitor of await tree.names(folder)) {
    if ((await tree.text(`${folder}/${monitor}/name`)) !== 'ina3221') continue;
    for (const channel of [1, 2, 3]) {
      const label = await tree.text(`${folder}/${monitor}/in${channel}_label`);
      if (label === null || !inputRails.includes(label)) continue;
      const millivolts = await tree.number(`${folder}/${monitor}/in${channel}_input`);
      const milliamperes = await tree.number(`${folder}/${monitor}/curr${channel}_input`);
      if (millivolts !== null && milliamperes !== null) return (millivolts * milliamperes) / 1e6;
    }
  }
  return null;
}

async function wattsOfOldJetson(tree: Tree): Promise<number | null> {
  const driver = '/sys/bus/i2c/drivers/ina3221x';
  for (const chip of await tree.names(driver)) {
    for (const device of await tree.names(`${driver}/${chip}`)) {
      if (!device.startsWith('iio:device') && device !== 'iio_device') continue;
      for (const channel of [0, 1, 2]) {
        const label = await tree.text(`${driver}/${chip}/${device}/rail_name_${channel}`);
        if (label === null || !inputRails.includes(label)) continue;
        const path = `${driver}/${chip}/${device}/in_power${channel}_input`;
        const milliwatts = await tree.number(path);
        if (milliwatts !== null) return milliwatts / 1000;
      }
    }
  }
  return null;
}
