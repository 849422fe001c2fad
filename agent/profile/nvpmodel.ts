/** The power modes of a Jetson, from the files of its tool `nvpmodel`. */
import type { Tree } from './tree.ts';

export interface PowerModes {
  /** The name of the mode that the board runs in; null where it is no Jetson. */
  readonly mode: string | null;
  /** All that it knows, by their numbers. */
  readonly modes: readonly string[];
}

const modesMax = 32;

/**
 * Jetson Linux Developer Guide, "Supported modes and power efficiency": the configuration names
 * the modes as `< POWER_MODEL ID=0 NAME=MAXN >`; the status file is `pmode:0000`, then more.
 */
export async function readPowerModes(tree: Tree): Promise<PowerModes> {
  const settings = (await tree.text('/etc/nvpmodel.conf')) ?? '';
  const modes: string[] = [];
  for (const [, id, name] of settings.matchAll(/^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=([\w.+-]+)/gm)) {
    if (Number(id) < modesMax && name !== undefined) modes[Number(id)] = name.slice(0, 32);
  }
  const named = Array.from(modes, (name, id) => name ?? `mode ${id}`);
  const status = (await tree.text('/var/lib/nvpmodel/status')) ?? '';
  const id = /pmode:0*(\d{1,2})\b/.exec(status)?.[1];
  return {
    mode: id === undefined ? null : (named[Number(id)] ?? `mode ${Number(id)}`),
    modes: named,
  };
}
