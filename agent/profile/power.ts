/** Where the power comes from, in which mode the board runs, and what it draws now. */
import { readPowerModes } from './nvpmodel.ts';
import { type Rail, readRails, wholeBoard } from './rails.ts';
import type { Tree } from './tree.ts';

export interface Power {
  readonly source: 'mains' | 'battery' | null;
  readonly batteryPercent: number | null;
  readonly mode: string | null;
  /** All modes that the board knows, by their numbers; none where it has no such thing. */
  readonly modes: readonly string[];
  /** What the whole board takes now. */
  readonly watts: number | null;
  /** The rail, or the rails added up, that `watts` is of. */
  readonly meter: string | null;
  readonly rails: readonly Rail[];
}

export async function readPower(tree: Tree): Promise<Power> {
  const supply = await readSupplies(tree);
  const jetson = await readPowerModes(tree);
  const mode = jetson.mode ?? (await tree.label('/sys/firmware/acpi/platform_profile'));
  const rails = await readRails(tree);
  const whole = wholeBoard(rails);
  if (supply.source === null) tree.miss('power.source', 'no supply in /sys/class/power_supply');
  if (mode === null) tree.miss('power.mode', 'neither nvpmodel nor platform_profile');
  if (rails.length === 0) tree.miss('power.watts', 'no power monitor in /sys/class/hwmon');
  else if (whole === null) tree.miss('power.watts', 'no rail is known to be all that goes in');
  return {
    ...{ ...supply, mode, modes: jetson.modes, rails },
    ...{ watts: whole?.watts ?? null, meter: whole?.name ?? null },
  };
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

/** What the board takes now, in watts; null where no rail is known to be all of it. */
export async function readWatts(tree: Tree): Promise<number | null> {
  return wholeBoard(await readRails(tree))?.watts ?? null;
}
