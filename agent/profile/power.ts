/** Where the power comes from, in which mode the board runs, and what it draws now. */
import { readPowerModes } from './nvpmodel.ts';
import { type Rail, readRails, wholeBoard } from './rails.ts';
import { readSupplies } from './supplies.ts';
import type { Tree } from './tree.ts';

export interface Power {
  readonly source: 'mains' | 'battery' | null;
  readonly batteryPercent: number | null;
  readonly mode: string | null;
  /** All modes that the board knows, by their numbers; none where it has no such thing. */
  readonly modes: readonly string[];
  /** What the whole board takes now. */
  readonly watts: number | null;
  /** The rail, the rails added up, the battery or the counter that tells what the board takes. */
  readonly meter: string | null;
  readonly rails: readonly Rail[];
  /** The chip that makes the board's voltages. */
  readonly pmic: string | null;
}

export async function readPower(tree: Tree): Promise<Power> {
  const { battery, ...supply } = await readSupplies(tree);
  const jetson = await readPowerModes(tree);
  const mode = jetson.mode ?? (await tree.label('/sys/firmware/acpi/platform_profile'));
  const rails = await readRails(tree);
  const whole = wholeBoard(rails) ?? battery;
  const meter = whole?.name ?? (await energyCounter(tree));
  if (supply.source === null) tree.miss('power.source', 'no supply in /sys/class/power_supply');
  if (mode === null) tree.miss('power.mode', 'neither nvpmodel nor platform_profile');
  if (whole === null && rails.length > 0) {
    tree.miss('power.watts', 'no rail is known to be all that goes in');
  } else if (meter === null) {
    tree.miss('power.watts', 'no power monitor in /sys/class/hwmon');
  }
  return {
    ...{ ...supply, mode, modes: jetson.modes, rails, meter },
    ...{ watts: whole?.watts ?? null, pmic: await readPmic(tree) },
  };
}

/** What the board takes now, in watts; null where nothing is known to measure all of it. */
export async function readWatts(tree: Tree): Promise<number | null> {
  return (await readDraw(tree)).watts;
}

/** What the board takes now, and its rails. */
export async function readDraw(tree: Tree): Promise<Pick<Power, 'watts' | 'rails'>> {
  const rails = await readRails(tree);
  const whole = wholeBoard(rails) ?? (await readSupplies(tree)).battery;
  return { watts: whole?.watts ?? null, rails };
}

/**
 * Documentation/power/powercap/powercap.rst. It counts joules of the processor's package alone,
 * and tells watts only between two looks.
 */
async function energyCounter(tree: Tree): Promise<string | null> {
  const file = '/sys/class/powercap/intel-rapl:0/energy_uj';
  const trouble = await tree.trouble(file);
  if (trouble === null) return 'RAPL package';
  if (trouble !== 'absent') tree.miss('power.watts', `${file}: ${trouble}`);
  return null;
}

/** Names of drivers in the kernel's drivers/mfd and drivers/regulator. */
const pmics =
  /^(rk8\d\d|max77\d+|max20\d+|tps6\d+|pca94\d\d|pf\d{4}|axp\d+|bd718\d\d|da90\d\d|mt63\d\d)/;

async function readPmic(tree: Tree): Promise<string | null> {
  for (const [bus, file] of Object.entries({ i2c: 'name', spi: 'modalias' })) {
    const folder = `/sys/bus/${bus}/devices`;
    for (const device of await tree.names(folder)) {
      const name = (await tree.label(`${folder}/${device}/${file}`))?.replace(/^spi:/, '') ?? '';
      if (pmics.test(name)) return name;
    }
  }
  return null;
}
