/** `/proc/cpuinfo` as facts, for x86 and ARM. */
import { armCoreName } from './arm-parts.ts';

export interface CpuInfo {
  /** Empty where the file names none. */
  readonly model: string;
  /** Instruction-set features that decide kernels, in the order of the table below. */
  readonly features: readonly string[];
  /** Core types with their number, the most numerous first: `Cortex-A76 ×4`. */
  readonly types: readonly CoreType[];
  /** What identifies the silicon: vendor, family and model, or implementer and part numbers. */
  readonly identity: string;
  /** The core type of each processor, by its number. */
  readonly typeOf: ReadonlyMap<number, string>;
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
    typeOf: new Map(processors.map((block) => [Number(block.get('processor')), typeName(block)])),
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
    const name = typeName(block);
    if (name !== '') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, cores]) => ({ name, cores }))
    .sort((a, b) => b.cores - a.cores || (a.name < b.name ? -1 : 1));
}

function typeName(block: ReadonlyMap<string, string>): string {
  const part = block.get('CPU part');
  if (part === undefined) return block.get('model name') ?? '';
  return armCoreName(block.get('CPU implementer') ?? '?', part);
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
