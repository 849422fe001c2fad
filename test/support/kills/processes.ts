/** Looks for a process below another one, as `/proc` shows them (proc(5)). */
import { readdirSync, readFileSync } from 'node:fs';

/** Process ids below these whose command line contains the text. */
export function descendantsOf(roots: readonly number[], text: string): number[] {
  const parents = new Map(pids().flatMap((pid) => parentOf(pid)));
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (roots.includes(parent) || isBelow(parent));
  };
  return [...parents.keys()].filter((pid) => isBelow(pid) && commandOf(pid).includes(text));
}

function pids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function parentOf(pid: number): [number, number][] {
  const parent = /^PPid:\s*(\d+)/m.exec(read(pid, 'status'))?.[1];
  return parent === undefined ? [] : [[pid, Number(parent)]];
}

function commandOf(pid: number): string {
  return read(pid, 'cmdline').replaceAll('\0', ' ');
}

/** Empty where the process has gone meanwhile. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
