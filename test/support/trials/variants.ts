/** The digits example as a variant source: the real source model, and what it was compressed to. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { localVariantSource } from '../../../shared/compress/local-source.ts';
import { digestOfFile } from '../../../shared/digest.ts';
import { loadPackage } from '../../../shared/evaluate/package.ts';
import { productRoot } from '../../../shared/product.ts';
import type { ModelGoal } from '../../../shared/protocol/messages.ts';
import type { Profile } from '../../../shared/protocol/profile.ts';
import type { VariantSource } from '../../../shared/variants.ts';

const digits = join(productRoot(), 'examples/digits');

/** Variants are kept in the folder. */
export async function digitsSource(folder: string): Promise<VariantSource> {
  return localVariantSource({ package: await loadPackage(digits), folder });
}

export async function digitsGoal(change: Partial<ModelGoal> = {}): Promise<ModelGoal> {
  const modelPath = join(digits, 'model.onnx');
  return {
    ...{ name: 'digits', version: 1, inputs: [], outputs: [], sourceQuality: null },
    digest: await digestOfFile(modelPath),
    bytes: statSync(modelPath).size,
    ...{ maxDrop: 0.01, objective: 'latency', limits: {} },
    candidates: [
      { v: 1, source: true, bits: 32 },
      { v: 1, bits: 8 },
    ],
    ...change,
  };
}

/** A device of two x64 cores with VNNI and 4 GiB, changed member by member. */
export function deviceProfile(
  change: {
    os?: Partial<Profile['os']>;
    processor?: Partial<Profile['processor']>;
    memory?: Partial<Profile['memory']>;
    disk?: Partial<Profile['disk']>;
    providers?: string[];
  } = {},
): Profile {
  return {
    ...{ v: 1, device: 'test', at: '2026-01-01T00:00:00.000Z', hardwareClass: 'x64-test' },
    ...{ agentVersion: '0', runtimeVersion: '0', board: null },
    os: {
      ...{ platform: 'linux', arch: 'x64', release: '6', distribution: null, container: false },
      ...change.os,
    },
    processor: {
      ...{ model: 'test', cores: 2, quotaCores: null, features: ['avx2', 'avx512_vnni'] },
      ...{ frequencyMHzMax: null, governor: null },
      ...change.processor,
    },
    memory: { totalMiB: 4096, availableMiB: 4096, limitMiB: null, ...change.memory },
    disk: { totalMiB: 10_000, freeMiB: 10_000, ...change.disk },
    temperatures: [],
    power: { source: null, batteryPercent: null, mode: null, watts: null },
    accelerators: [],
    providers: change.providers ?? ['cpu'],
    ...{ probes: null, labels: {}, missing: [] },
  };
}
