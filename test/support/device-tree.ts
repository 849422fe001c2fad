/** Files of /proc and /sys below a folder that stands for `/`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function writeTree(root: string, files: Readonly<Record<string, string | number>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
}

/** The input rail of a board, as the INA3221's driver shows it. */
export function inputRail(watts: number): Record<string, string | number> {
  const folder = 'sys/class/hwmon/hwmon0';
  return {
    [`${folder}/name`]: 'ina3221',
    [`${folder}/in1_label`]: 'VDD_IN',
    [`${folder}/in1_input`]: 5000,
    [`${folder}/curr1_input`]: watts * 200,
  };
}
