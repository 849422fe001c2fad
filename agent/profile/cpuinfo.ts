/** `/proc/cpuinfo` as facts, for x86 and ARM. */

export interface CpuInfo {
  /** Empty where the file names none. */
  readonly model: string;
  /** Instruction-set features that decide kernels, in the order of the table below. */
  readonly features: readonly string[];
  /** Core types with their number, the most numerous first: `Cortex-A76 ×4`. */
  readonly types: readonly CoreType[];
  /** What identifies the silicon: vendor, family and model, or implementer and part numbers. */
  readonly identity: string;
  /** Cores by processor number, `package:core`, where the file says so. */
  readonly coreOf: ReadonlyMap<number, string>;
}

export interface CoreType {
  readonly name: string;
  readonly cores: number;
}

/**
 * Names as the kernel prints them that choose among the runtime's kernels
 * (onnxruntime/core/mlas/lib/platform.cpp): wider vectors, integer dot products, matrix units.
 */
export const kernelFeatures = [
  ...['sse4_1', 'avx', 'avx2', 'fma', 'f16c', 'avx_vnni', 'avx_vnni_int8'],
  ...['avx512f', 'avx512bw', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_int8', 'amx_bf16'],
  ...['asimd', 'asimdhp', 'fphp', 'asimddp', 'i8mm', 'bf16', 'sve', 'sve2', 'sme'],
] as const;

/**
 * Implementer and part numbers: Linux arch/arm64/include/asm/cputype.h, util-linux sys-
 * utils/lscpu-arm.c.
 */
const armParts: Readonly<Record<string, string>> = {
  '0x41:0xc07': 'Cortex-A7',
  '0x41:0xc09': 'Cortex-A9',
  '0x41:0xd03': 'Cortex-A53',
  '0x41:0xd04': 'Cortex-A35',
  '0x41:0xd05': 'Cortex-A55',
  '0x41:0xd07': 'Cortex-A57',
  '0x41:0xd08': 'Cortex-A72',
  '0x41:0xd09': 'Cortex-A73',
  '0x41:0xd0a': 'Cortex-A75',
  '0x41:0xd0b': 'Cortex-A76',
  '0x41:0xd0c': 'Neoverse-N1',
  '0x41:0xd0d': 'Cortex-A77',
  '0x41:0xd40': 'Neoverse-V1',
  '0x41:0xd41': 'Cortex-A78',
  '0x41:0xd42': 'Cortex-A78AE',
  '0x41:0xd44': 'Cortex-X1',
  '0x41:0xd46': 'Cortex-A510',
  '0x41:0xd47': 'Cortex-A710',
  '0x41:0xd48': 'Cortex-X2',
  '0x41:0xd49': 'Neoverse-N2',
  '0x41:0xd4d': 'Cortex-A715',
  '0x41:0xd4e': 'Cortex-X3',
  '0x41:0xd4f': 'Neoverse-V2',
  '0x41:0xd80': 'Cortex-A520',
  '0x41:0xd81': 'Cortex-A720',
  '0x4e:0x003': 'Denver 2',
  '0x4e:0x004': 'Carmel',
};

export function parseCpuInfo(text: string): CpuInfo {
  const processors = text
    .split(/\n\s*\n/)
    .map(parseBlock)
    .filter((block) => block.has('processor'));
  const first = processors[0] ?? new Map<string, string>();
  const types = coreTypes(processors);
  return {
    model: modelOf(first, types),
    features: featuresOf(processors),
    types,
    identity: identityOf(first, types),
    coreOf: new Map(processors.flatMap(coreOf)),
  };
}

function parseBlock(text: string): Map<string, string> {
  const block = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) block.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return block;
}

function coreTypes(processors: readonly Map<string, string>[]): CoreType[] {
  const counts = new Map<string, number>();
  for (const block of processors) {
    const name = block.has('CPU part') ? armName(block) : (block.get('model name') ?? '');
    if (name !== '') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, cores]) => ({ name, cores }))
    .sort((a, b) => b.cores - a.cores || (a.name < b.name ? -1 : 1));
}

function armName(block: ReadonlyMap<string, string>): string {
  const key = `${block.get('CPU implementer') ?? '?'}:${block.get('CPU part') ?? '?'}`;
  return armParts[key] ?? `ARM ${key}`;
}

function modelOf(first: ReadonlyMap<string, string>, types: readonly CoreType[]): string {
  if (first.has('CPU part')) return types.map((type) => `${type.name} ×${type.cores}`).join(' + ');
  return first.get('model name') ?? first.get('Processor') ?? first.get('cpu model') ?? '';
}

/**
 * What every core has: a kernel chosen by one core's features must not meet a core without them.
 */
function featuresOf(processors: readonly Map<string, string>[]): string[] {
  const sets = processors.map(
    (block) => new Set((block.get('flags') ?? block.get('Features') ?? '').split(/\s+/)),
  );
  return kernelFeatures.filter(
    (feature) => sets.length > 0 && sets.every((set) => set.has(feature)),
  );
}

function identityOf(first: ReadonlyMap<string, string>, types: readonly CoreType[]): string {
  const x86 = ['vendor_id', 'cpu family', 'model'].map((key) => first.get(key));
  if (x86.every((part) => part !== undefined)) return x86.join('/');
  return types.map((type) => `${type.name}*${type.cores}`).join('/');
}

function coreOf(block: ReadonlyMap<string, string>): [number, string][] {
  const core = block.get('core id');
  if (core === undefined) return [];
  return [[Number(block.get('processor')), `${block.get('physical id') ?? 0}:${core}`]];
}
