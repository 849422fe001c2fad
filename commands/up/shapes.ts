/** The devices of the demonstration: processes of this machine that are made to differ. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Shape {
  readonly name: string;
  readonly what: string;
  /** What the agent's command line begins with, e.g. `taskset -c 0`. */
  readonly prefix: readonly string[];
  /** Options of `fettle agent`. */
  readonly options: readonly string[];
}

const oneCoreName = 'one-core';

/** As many devices as asked for; after the third the shapes repeat. */
export function deviceShapes(count: number): readonly Shape[] {
  const kinds = [
    { name: 'all-cores', what: 'every core', prefix: [], options: [] },
    oneCore(),
    {
      name: 'small-memory',
      what: '256 MiB of memory',
      prefix: [],
      options: ['--memory-mib', '256'],
    },
  ];
  return Array.from({ length: count }, (_, index) => {
    const kind = kinds[index % kinds.length] ?? oneCore();
    const round = Math.floor(index / kinds.length);
    return round === 0 ? kind : { ...kind, name: `${kind.name}-${round + 1}` };
  });
}

/**
 * One core by the scheduler's affinity where `taskset` exists, otherwise by the agent's own limit.
 */
function oneCore(): Shape {
  const core = firstAllowedCore();
  return isOnPath('taskset') && core !== null
    ? { name: oneCoreName, what: 'one core', prefix: ['taskset', '-c', core], options: [] }
    : { name: oneCoreName, what: 'one core', prefix: [], options: ['--cores', '1'] };
}

/** proc(5): `Cpus_allowed_list` is a list of ranges such as `0-3,8`. */
function firstAllowedCore(): string | null {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1] ?? null;
  } catch {
    return null;
  }
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
