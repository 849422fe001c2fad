/**
 * Memory of a process as the kernel tells it in kB (proc(5), `status`), which holds whatever the
 * size of its pages: 4 KiB on most machines, 16 KiB and 64 KiB on some of ARM.
 */
import { readFileSync } from 'node:fs';

type Figure = 'VmRSS' | 'VmHWM';

/** Of another process, in MiB; 0 where it cannot be read, or is gone. */
export function residentMiB(pid: number | undefined): number {
  return pid === undefined ? 0 : (read(pid, 'VmRSS') ?? 0);
}

/** The most that another process ever had, in MiB; 0 where it cannot be read, or is gone. */
export function peakResidentMiB(pid: number | undefined): number {
  return pid === undefined ? 0 : (read(pid, 'VmHWM') ?? 0);
}

/**
 * The most that this process ever had, in MiB. `ru_maxrss`, the next best figure, counts the
 * parent's memory from before `exec`.
 */
export function ownPeakMiB(): number {
  return read('self', 'VmHWM') ?? process.resourceUsage().maxRSS / 1024;
}

/** null where this is not Linux, /proc is not mounted, or the process is gone. */
function read(process: number | 'self', figure: Figure): number | null {
  try {
    const text = readFileSync(`/proc/${process}/status`, 'utf8');
    const kib = new RegExp(`^${figure}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    return kib === undefined ? null : Number(kib) / 1024;
  } catch {
    return null;
  }
}
