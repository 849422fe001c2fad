/** What a board's power monitors measure, rail by rail. */
import type { Tree } from './tree.ts';

export interface Rail {
  /** As the board names it: `VDD_IN`, `VDD_CPU_GPU_CV`. */
  readonly name: string;
  readonly watts: number;
}

const railsMax = 32;
/** Beyond this a monitor is broken. */
const wattsMax = 10_000;

/** In the order of the monitors; none where there are none. */
export async function readRails(tree: Tree): Promise<Rail[]> {
  const rails = [...(await railsOfMonitors(tree)), ...(await railsOfOldJetson(tree))];
  return rails.filter(({ watts }) => watts >= 0 && watts <= wattsMax).slice(0, railsMax);
}

/** Rails through which all that a board takes goes: of Jetson modules and developer kits. */
const inputRails = ['VDD_IN', 'POM_5V_IN', '5V_IN'];
/**
 * Boards without an input rail: what comes in goes through these. Jetson Linux Developer Guide,
 * "Power monitors" of AGX Orin and AGX Xavier; jetson_stats adds them up too.
 */
const partsOfInput = [
  ['VDD_GPU_SOC', 'VDD_CPU_CV', 'VIN_SYS_5V0', 'VDDQ_VDD2_1V8AO'],
  ['GPU', 'CPU', 'SOC', 'CV', 'VDDRQ', 'SYS5V'],
];

/** What the whole board takes, named by its rails; null where no set of them is known to be all. */
export function wholeBoard(rails: readonly Rail[]): Rail | null {
  const named = (name: string) => rails.find((rail) => rail.name === name);
  const input = inputRails.map(named).find((rail) => rail !== undefined);
  if (input) return input;
  for (const names of partsOfInput) {
    const parts = names.map(named).filter((rail) => rail !== undefined);
    if (parts.length < names.length) continue;
    return { name: names.join(' + '), watts: parts.reduce((sum, { watts }) => sum + watts, 0) };
  }
  return null;
}

/**
 * Documentation/hwmon/ina3221.rst: `inN_label`, `inN_input` in mV, `currN_input` in mA, of three
 * channels; inputs that are not connected are labelled `NC`. Documentation/hwmon/ina2xx.rst:
 * `power1_input` in µW.
 */
async function railsOfMonitors(tree: Tree): Promise<Rail[]> {
  const folder = '/sys/class/hwmon';
  const rails: Rail[] = [];
  for (const monitor of await tree.names(folder)) {
    const path = `${folder}/${monitor}`;
    const chip = (await tree.label(`${path}/name`)) ?? '';
    if (chip === 'ina3221') rails.push(...(await channelsOf(tree, path)));
    if (!/^ina2\d\d$/.test(chip)) continue;
    const microwatts = await tree.number(`${path}/power1_input`);
    if (microwatts !== null) rails.push({ name: `${chip} ${monitor}`, watts: microwatts / 1e6 });
  }
  return rails;
}

async function channelsOf(tree: Tree, path: string): Promise<Rail[]> {
  const rails: Rail[] = [];
  for (const channel of [1, 2, 3]) {
    const name = await tree.label(`${path}/in${channel}_label`);
    if (name === null || name === 'NC') continue;
    const millivolts = await tree.number(`${path}/in${channel}_input`);
    const milliamperes = await tree.number(`${path}/curr${channel}_input`);
    if (millivolts === null || milliamperes === null) continue;
    rails.push({ name, watts: (millivolts * milliamperes) / 1e6 });
  }
  return rails;
}

/**
 * The driver of Jetson Linux up to release 32: `rail_name_N` and `in_powerN_input` in mW below an
 * iio device. Jetson Linux Developer Guide 32, "Software-Based Power Consumption Modeling".
 */
async function railsOfOldJetson(tree: Tree): Promise<Rail[]> {
  const driver = '/sys/bus/i2c/drivers/ina3221x';
  const rails: Rail[] = [];
  for (const chip of await tree.names(driver)) {
    if (!/^\d+-[0-9a-f]{4}$/.test(chip)) continue;
    for (const device of await tree.names(`${driver}/${chip}`)) {
      if (!/^iio[:_]device/.test(device)) continue;
      const path = `${driver}/${chip}/${device}`;
      for (const channel of [0, 1, 2]) {
        const name = await tree.label(`${path}/rail_name_${channel}`);
        const milliwatts = await tree.number(`${path}/in_power${channel}_input`);
        if (name !== null && name !== 'NC' && milliwatts !== null) {
          rails.push({ name, watts: milliwatts / 1000 });
        }
      }
    }
  }
  return rails;
}
