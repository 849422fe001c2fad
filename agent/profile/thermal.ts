/** Temperatures, from thermal zones and hardware monitors. */
import { openTree, type Tree } from './tree.ts';

export interface Temperature {
  readonly name: string;
  readonly celsius: number;
  /** Where the kernel begins to slow down what it cools; null where it does nothing. */
  readonly throttleCelsius?: number | null;
  /** Where it switches the machine off. */
  readonly criticalCelsius?: number | null;
}

/**
 * Outside of this a sensor is absent, off or broken; Tegra's BPMP prints −256 °C for one that is
 * off.
 */
const plausible = { min: -40, max: 150 } as const;
const sensorsMax = 64;
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
    if (zones.length >= sensorsMax) break;
    const name = (await tree.label(`${folder}/${zone}/type`)) ?? zone;
    const milli = await tree.number(`${folder}/${zone}/temp`);
    if (/pmic/i.test(name) && milli === pmicConstant) continue;
    keep(tree, zones, { name, milli, limits: await tripsOf(tree, `${folder}/${zone}`) });
  }
  return zones;
}

const tripsMax = 12;

/** trip_point_N_type and trip_point_N_temp in millidegrees; 0 and less are trips that are off. */
async function tripsOf(tree: Tree, zone: string): Promise<Partial<Temperature>> {
  const trips = new Map<string, number>();
  for (let trip = 0; trip < tripsMax; trip++) {
    const type = await tree.text(`${zone}/trip_point_${trip}_type`);
    if (type === null) break;
    const milli = await tree.number(`${zone}/trip_point_${trip}_temp`);
    const celsius = milli === null ? 0 : milli / 1000;
    if (celsius <= 0 || celsius > plausible.max) continue;
    trips.set(type, Math.min(trips.get(type) ?? celsius, celsius));
  }
  return {
    throttleCelsius: trips.get('passive') ?? null,
    criticalCelsius: trips.get('critical') ?? null,
  };
}

async function readMonitors(tree: Tree): Promise<Temperature[]> {
  const folder = '/sys/class/hwmon';
  const monitors: Temperature[] = [];
  for (const monitor of await tree.names(folder)) {
    const chip = (await tree.label(`${folder}/${monitor}/name`)) ?? monitor;
    // Thermal zones show themselves here a second time, under their own name.
    if (chip.endsWith('_thermal') || chip.endsWith('-thermal')) continue;
    for (const file of await tree.names(`${folder}/${monitor}`)) {
      const input = /^(temp\d+)_input$/.exec(file)?.[1];
      if (input === undefined || monitors.length >= sensorsMax) continue;
      const label = await tree.label(`${folder}/${monitor}/${input}_label`);
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
  readonly limits?: Partial<Temperature>;
}

function keep(tree: Tree, list: Temperature[], sensor: Sensor): void {
  const { name, milli, limits } = sensor;
  const celsius = milli === null ? null : milli / 1000;
  if (celsius === null || celsius < plausible.min || celsius > plausible.max) {
    const reason = celsius === null ? 'cannot be read' : `${celsius} °C is not plausible`;
    tree.miss(`temperature ${name}`, reason);
    return;
  }
  list.push({ name, celsius, ...limits });
}
