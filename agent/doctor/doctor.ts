/** Looks at all that Fettle needs of a device, and says what to do about what it does not find. */

import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { TlsFiles } from '../../shared/mqtt-streams.ts';
import { profileDevice } from '../profile/profile.ts';
import type { Check } from './check.ts';
import { machineChecks } from './machine.ts';
import { reachChecks } from './reach.ts';
import { softwareChecks } from './software.ts';

export interface DoctorOptions {
  /** Where the agent keeps its data. */
  readonly dataFolder: string;
  /** The controller's address; the one of the enrolment where null. */
  readonly controller: string | null;
  /** For a broker at `mqtts:`, as the agent is given them. */
  readonly tls: TlsFiles;
  /** A recorded device, of which only files can be looked at; null is this one. */
  readonly root: string | null;
  readonly signal: AbortSignal;
}

/** Never throws for what it finds. */
export async function examine(options: DoctorOptions): Promise<Check[]> {
  const { root, signal } = options;
  const dataFolder = nearestThere(options.dataFolder);
  const profile = await profileDevice({
    device: 'examined',
    dataFolder,
    probes: false,
    signal,
    ...(root !== null && { root }),
  });
  const machine = await machineChecks(profile, root === null ? dataFolder : null);
  if (root !== null) return machine;
  return [...(await softwareChecks(profile)), ...machine, ...(await reachChecks(options))];
}

/** The folder, or the nearest above it that is there: a doctor makes none. */
function nearestThere(folder: string): string {
  const path = resolve(folder);
  return existsSync(path) || dirname(path) === path ? path : nearestThere(dirname(path));
}
