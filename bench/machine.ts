/** The machine that figures were measured on: without it they mean nothing. */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, totalmem } from 'node:os';
import { parseCpuInfo } from '../agent/profile/cpuinfo.ts';
import { runtimeVersion } from '../shared/evaluate/runtime.ts';
import { productVersion } from '../shared/product.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly features: readonly string[];
  readonly memoryMiB: number;
  readonly architecture: string;
  readonly node: string;
  readonly runtime: string;
  readonly fettle: string;
}

export async function describeMachine(): Promise<Machine> {
  const info = parseCpuInfo(readOrEmpty('/proc/cpuinfo'));
  return {
    processor: info.model || (cpus()[0]?.model ?? 'unknown'),
    cores: availableParallelism(),
    features: info.features,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    architecture: arch(),
    node: process.versions.node,
    runtime: await runtimeVersion(),
    fettle: productVersion(),
  };
}

export function machineLine(machine: Machine): string {
  const { processor, cores, memoryMiB, architecture, node, runtime, fettle } = machine;
  return (
    `${processor}, ${cores} cores, ${memoryMiB} MiB, ${architecture}; ` +
    `Node ${node}, ONNX Runtime ${runtime}, Fettle ${fettle}`
  );
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
