/** Lists of processors as the kernel writes them. */

/** Kernel list format (cpuset(7), "List format"): `0-3,6`. Empty where it is none. */
export function parseCpuList(text: string): number[] {
  const cores: number[] = [];
  for (const part of text.trim().split(',')) {
    const found = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!found) return [];
    const from = Number(found[1]);
    const to = Number(found[2] ?? found[1]);
    if (to < from || to - from >= coresMax) return [];
    for (let core = from; core <= to; core++) cores.push(core);
  }
  return cores;
}

/** CONFIG_NR_CPUS of the largest kernels in use. */
const coresMax = 8192;
