/** Temperatures, from thermal zones and hardware monitors. */
import { openTree, type Tree } from './tree.ts';

export interface Temperature {
  readonly name: string;
  readonly celsius: number;
}

/**
 * Outside of this a sensor is absent, off or broken; Tegra's BPMP prints −256 °C for one that is
 * off.
 */
const plausible = { min: -40, max: 150 } as const;
/** The PMIC zone of Jetson boards prints this constant and measures nothing. */
const pmicConstant = 100_000;

/**
 * Documentation/driver-api/thermal/sysfs-api.rst (type, temp in millidegrees) and
 * Documentation/hwmon/sysfs-interface.rst (temp*_input in millidegrees, temp*_label).
 */
export async function readTemperatures(tree: Tree): Promise<Temperature[]> {
  const found = [...(await readZones(tree)), ...(await readMonitors(tree))];
  if (found.length === 0) tree.miss('temperatures', 'no readable thermal zone or monitor in /sys');
  return found;
}

/** The hottest sensor now; null where none can be read. Cheap enough for every telemetry window. */
export async function hottestCelsius(root = '/'): Promise<number | null> {
  const all = (await readTemperatures(openTree(root))).map((one) => one.celsius);
  return all.length > 0 ? Math.max(...all) : null;
}

async function readZones(tree: Tree): Promise<Temperature[]> {
  const folder = '/sys/class/thermal';
  const zones: Temperature[] = [];
  for (const zone of await tree.names(folder)) {
    if (!zone.startsWith('thermal_zone')) continue;
    const name = (await tree.text(`${folder}/${zone}/type`)) ?? zone;
    const milli = await tree.number(`${folder}/${zone}/temp`);
    if (/pmic/i.test(name) && milli === pmicConstant) continue;
    keep(tree, zones, { name, milli });
  }
  return zones;
}

async function readMonitors(tree: Tree): Promise<Temperature[]> {
  const folder = '/sys/class/hwmon';
  const monitors: Temperature[] = [];
  for (const monitor of await tree.names(folder)) {
    const chip = (await tree.text(`${folder}/${monitor}/name`)) ?? monitor;
    // Thermal zones show themselves here a second time, under their own name.
    if (chip.endsWith('_thermal') || chip.endsWith('-thermal')) continue;
    for (const file of await tree.names(`${folder}/${monitor}`)) {
      const input = /^(temp\d+)_input$/.exec(file)?.[1];
      if (input === undefined) continue;
      const label = await tree.text(`${folder}/${monitor}/${input}_label`);
      const milli = await tree.number(`${folder}/${monitor}/${file}`);
      keep(tree, monitors, { name: label ? `${chip} ${label}` : chip, milli });
    }
  }
  return monitors;
}

interface Sensor {
  readonly name: string;
  /** Thousandths of a degree; null where nothing was said. */
  readonly milli: number | null;
}

function keep(tree: Tree, list: Temperature[], sensor: Sensor): void {
  const { name, milli } = sensor;
  const celsius = milli === null ? null : milli / 1000;
  if (celsius === null || celsius < plausible.min || celsius > plausible.max) {
    const reason = celsius === null ? 'cannot be read' : `${celsius} °C is not plausible`;
    tree.miss(`temperature ${name}`, reason);
    return;
  }
  list.push({ name, celsius });
}
