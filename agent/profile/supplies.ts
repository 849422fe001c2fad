/** Mains and batteries. */
import type { Rail } from './rails.ts';
import type { Tree } from './tree.ts';

export interface Supplies {
  readonly source: 'mains' | 'battery' | null;
  readonly batteryPercent: number | null;
  /** What comes out of the battery; null where nothing does, or nobody measures it. */
  readonly battery: Rail | null;
}

const folder = '/sys/class/power_supply';

/** Documentation/ABI/testing/sysfs-class-power: type, online, status, capacity, scope. */
export async function readSupplies(tree: Tree): Promise<Supplies> {
  let mains: boolean | null = null;
  let discharging: boolean | null = null;
  let batteryPercent: number | null = null;
  let battery: Rail | null = null;
  for (const supply of await tree.names(folder)) {
    const type = await tree.text(`${folder}/${supply}/type`);
    // A mouse has a battery too.
    if ((await tree.text(`${folder}/${supply}/scope`)) === 'Device') continue;
    if (type === 'Battery') {
      const status = (await tree.text(`${folder}/${supply}/status`)) ?? '';
      if (batteryStates.includes(status)) discharging = status === 'Discharging';
      if (discharging) battery = await drainOf(tree, supply);
      const percent = await tree.number(`${folder}/${supply}/capacity`);
      if (percent !== null && percent >= 0 && percent <= 100) batteryPercent = percent;
    } else if (type === 'Mains' || type === 'USB') {
      mains = mains === true || (await tree.number(`${folder}/${supply}/online`)) === 1;
    }
  }
  const source = mains || discharging === false ? 'mains' : discharging ? 'battery' : null;
  return { source, batteryPercent, battery: source === 'battery' ? battery : null };
}

/** Anything else is no answer. */
const batteryStates = ['Charging', 'Discharging', 'Not charging', 'Full'];

/** `power_now` in µW, or `voltage_now` in µV and `current_now` in µA; some drivers say −µA. */
async function drainOf(tree: Tree, supply: string): Promise<Rail | null> {
  const read = (file: string) => tree.number(`${folder}/${supply}/${file}`);
  const microwatts = await read('power_now');
  const microvolts = await read('voltage_now');
  const microamperes = await read('current_now');
  const name = `battery ${supply}`.slice(0, 64);
  if (microwatts !== null) return { name, watts: Math.abs(microwatts) / 1e6 };
  if (microvolts === null || microamperes === null) return null;
  return { name, watts: Math.abs(microvolts * microamperes) / 1e12 };
}
