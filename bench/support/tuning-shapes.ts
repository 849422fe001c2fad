/**
 * Device shapes on one machine: processors by affinity, a share of one by control group, memory by
 * the agent's own limit.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Shape {
  readonly name: string;
  /** Processors as `taskset` lists them. */
  readonly processors: string;
  readonly quotaCores: number | null;
  readonly memoryMiB: number | null;
}

export const shapes: readonly Shape[] = [
  { name: 'one-core', processors: '0', quotaCores: null, memoryMiB: null },
  { name: 'two-cores', processors: '0,1', quotaCores: null, memoryMiB: null },
  { name: 'half-core', processors: '0', quotaCores: 0.5, memoryMiB: null },
  { name: '256-mib', processors: '0,1', quotaCores: null, memoryMiB: 256 },
];

/** Runs the module in the shape; what it prints, parsed. Throws where it fails. */
export async function runInShape(shape: Shape, args: readonly string[]): Promise<unknown> {
  const group = shape.quotaCores === null ? null : openGroup(shape.quotaCores);
  try {
    const child = spawn('taskset', ['-c', shape.processors, process.execPath, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (group !== null && child.pid) writeFileSync(join(group, 'cgroup.procs'), `${child.pid}`);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${shape.name} ended with ${code}: ${text.slice(-500)}`);
    return JSON.parse(text);
  } finally {
    if (group !== null) rmdirSync(group);
  }
}

const periodUs = 100_000;

/** Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max), cgroup-v1 (cpu.cfs_quota_us). */
function openGroup(cores: number): string {
  const old = '/sys/fs/cgroup/cpu';
  const isOld = existsSync(join(old, 'cgroup.procs'));
  const group = join(isOld ? old : '/sys/fs/cgroup', `fettle-bench-${process.pid}`);
  mkdirSync(group);
  const quotaUs = Math.round(cores * periodUs);
  const set = (file: string, value: string) => writeFileSync(join(group, file), value);
  // Ahead of other groups, so that the quota and not their load is what is measured.
  if (isOld) {
    set('cpu.cfs_quota_us', `${quotaUs}`);
    set('cpu.shares', '262144');
  } else {
    set('cpu.max', `${quotaUs} ${periodUs}`);
    set('cpu.weight', '10000');
  }
  return group;
}
