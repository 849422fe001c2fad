/**
 * The hardware class: devices of one class run a variant at the same speed, so they share what
 * one of them measured. Pure; everything that decides speed goes in, everything else stays out.
 */
import { digestOfJson } from '../../shared/digest.ts';

export interface SpeedFacts {
  readonly arch: string;
  /** Vendor, family and model, or core types. */
  readonly identity: string;
  readonly model: string;
  readonly features: readonly string[];
  readonly cores: number;
  readonly physicalCores: number | null;
  readonly quotaCores: number | null;
  readonly frequencyMHzMax: number | null;
  readonly powerMode: string | null;
  readonly totalMiB: number;
  readonly limitMiB: number | null;
  readonly accelerators: readonly string[];
  readonly providers: readonly string[];
}

/** `x64-avx512vnni-2c-16g-3f2a`: what people ask first, then 16 bits over all of it. */
export function hardwareClass(facts: SpeedFacts): string {
  const usable = usableCores(facts);
  const decides = {
    arch: facts.arch,
    identity: facts.identity || facts.model,
    features: facts.features.toSorted(),
    cores: usable,
    physicalCores: facts.physicalCores === null ? null : Math.min(facts.physicalCores, usable),
    // Boost steps and rounding by the firmware are one class.
    frequency: facts.frequencyMHzMax === null ? null : Math.round(facts.frequencyMHzMax / 100),
    powerMode: facts.powerMode,
    memory: memoryTier(facts),
    accelerators: facts.accelerators.toSorted(),
    providers: facts.providers.toSorted(),
  };
  const print = digestOfJson(decides).slice('sha256:'.length, 'sha256:'.length + 4);
  return [facts.arch, bestFeature(facts.features), `${usable}c`, memoryTier(facts), print].join(
    '-',
  );
}

/** Cores that can be kept busy, in tenths. */
export function usableCores(facts: Pick<SpeedFacts, 'cores' | 'quotaCores'>): number {
  const usable = Math.min(facts.cores, facts.quotaCores ?? facts.cores);
  return Math.max(0.1, Math.round(usable * 10) / 10);
}

/** The most telling first. */
const telling = [
  ...['amx_int8', 'avx512_vnni', 'avx_vnni', 'avx512f', 'avx2'],
  ...['i8mm', 'asimddp', 'asimd'],
] as const;

function bestFeature(features: readonly string[]): string {
  return (telling.find((feature) => features.includes(feature)) ?? 'base').replaceAll('_', '');
}

/** The next power of two, as memory is sold: the kernel and the firmware keep some of it. */
function memoryTier(facts: Pick<SpeedFacts, 'totalMiB' | 'limitMiB'>): string {
  const usable = Math.min(facts.totalMiB, facts.limitMiB ?? facts.totalMiB);
  const tier = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, usable)) - 1e-6));
  return tier < 1024 ? `${tier}m` : `${tier / 1024}g`;
}
