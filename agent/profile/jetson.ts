/** A Jetson by its module, its Linux and the JetPack that came with it. */

import { own } from '../../shared/own.ts';
import type { Tree } from './tree.ts';

export interface Jetson {
  /** Version of Jetson Linux. */
  readonly l4t: string | null;
  readonly jetpack: string | null;
  readonly module: string | null;
}

/** All null elsewhere. */
export async function readJetson(tree: Tree): Promise<Jetson> {
  const l4t = await readL4t(tree);
  const module = await readModule(tree);
  const jetpack = l4t === null ? null : (own(jetpacks, l4t) ?? null);
  if (l4t !== null && jetpack === null) {
    tree.miss('os.jetpack', `no JetPack is known with Jetson Linux ${l4t}`);
  }
  if (l4t === null && module !== null) {
    tree.miss('os.l4t', '/etc/nv_tegra_release names no release');
  }
  return { l4t, jetpack, module };
}

/** `# R35 (release), REVISION: 4.1, …` is Jetson Linux 35.4.1. */
async function readL4t(tree: Tree): Promise<string | null> {
  const text = (await tree.text('/etc/nv_tegra_release')) ?? '';
  const found = /^# R(\d{1,3}) .*REVISION: (\d[\d.]{0,15})/m.exec(text);
  return found ? `${found[1]}.${found[2]}` : null;
}

/** developer.nvidia.com/embedded/jetpack-archive; jetson_stats keeps the same list. */
const jetpacks: Readonly<Record<string, string>> = {
  '32.1.0': '4.2',
  '32.2.0': '4.2.1',
  '32.2.1': '4.2.2',
  '32.2.3': '4.2.3',
  '32.3.1': '4.3',
  '32.4.3': '4.4',
  '32.4.4': '4.4.1',
  '32.5.0': '4.5',
  '32.5.1': '4.5.1',
  '32.5.2': '4.5.1',
  '32.6.1': '4.6',
  '32.7.1': '4.6.1',
  '32.7.2': '4.6.2',
  '32.7.3': '4.6.3',
  '32.7.4': '4.6.4',
  '32.7.5': '4.6.5',
  '32.7.6': '4.6.6',
  '35.1.0': '5.0.2',
  '35.2.1': '5.1',
  '35.3.1': '5.1.1',
  '35.4.1': '5.1.2',
  '35.5.0': '5.1.3',
  '35.6.0': '5.1.4',
  '35.6.1': '5.1.5',
  '35.6.2': '5.1.5',
  '35.6.3': '5.1.5',
  '35.6.4': '5.1.6',
  '36.3.0': '6.0',
  '36.4.0': '6.1',
  '36.4.3': '6.2',
  '36.4.4': '6.2.1',
  '36.4.7': '6.2.1',
  '36.5.0': '6.2.2',
  '38.2.0': '7.0',
  '38.2.1': '7.0',
  '38.2.2': '7.0',
  '38.4.0': '7.1',
};

/**
 * Part numbers of modules: Jetson Linux Developer Guide, "Quick start"; in `compatible` of the
 * device tree (`nvidia,p3768-0000+p3767-0005`), before release 35 in `nvidia,dtsfilename`.
 */
const modules: Readonly<Record<string, string>> = {
  'p2180-1000': 'Jetson TX1',
  'p2888-0001': 'Jetson AGX Xavier 16 GB',
  'p2888-0003': 'Jetson AGX Xavier 32 GB',
  'p2888-0004': 'Jetson AGX Xavier 32 GB',
  'p2888-0005': 'Jetson AGX Xavier 64 GB',
  'p3310-1000': 'Jetson TX2',
  'p3448-0000': 'Jetson Nano 4 GB, developer kit',
  'p3448-0002': 'Jetson Nano 4 GB',
  'p3448-0003': 'Jetson Nano 2 GB',
  'p3636-0001': 'Jetson TX2 NX',
  'p3668-0000': 'Jetson Xavier NX 8 GB, developer kit',
  'p3668-0001': 'Jetson Xavier NX 8 GB',
  'p3668-0003': 'Jetson Xavier NX 16 GB',
  'p3701-0000': 'Jetson AGX Orin, developer kit',
  'p3701-0004': 'Jetson AGX Orin 32 GB',
  'p3701-0005': 'Jetson AGX Orin 64 GB',
  'p3701-0008': 'Jetson AGX Orin Industrial',
  'p3767-0000': 'Jetson Orin NX 16 GB',
  'p3767-0001': 'Jetson Orin NX 8 GB',
  'p3767-0003': 'Jetson Orin Nano 8 GB',
  'p3767-0004': 'Jetson Orin Nano 4 GB',
  'p3767-0005': 'Jetson Orin Nano 8 GB, developer kit',
  'p3834-0008': 'Jetson AGX Thor, developer kit',
};

async function readModule(tree: Tree): Promise<string | null> {
  for (const file of ['compatible', 'nvidia,dtsfilename']) {
    const text = (await tree.text(`/proc/device-tree/${file}`)) ?? '';
    if (!/nvidia|tegra/.test(text)) continue;
    for (const [number] of text.matchAll(/p\d{4}-\d{4}/g)) {
      const name = own(modules, number);
      if (name !== undefined) return `${name} (${number})`;
    }
  }
  return null;
}
