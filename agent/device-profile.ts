/**
 * The profile of this device, kept from one start to the next: probing again costs seconds of load.
 */
import { readFileSync } from 'node:fs';
import { digestOfJson } from '../shared/digest.ts';
import { reportError } from '../shared/errors.ts';
import { productVersion } from '../shared/product.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import type { Journal, JournalRow } from './journal.ts';
import type { Log } from './log.ts';
import type { AgentSettings } from './settings.ts';

const keptMs = 24 * 3_600_000;

export interface ProfiledBy {
  readonly settings: AgentSettings;
  readonly journal: Journal;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export async function deviceProfile(asking: ProfiledBy): Promise<Profile> {
  const { settings, journal, signal } = asking;
  const { device, labels, cores, memoryMiB, dataFolder, runtimePath } = settings;
  const version = productVersion();
  const basis = digestOfJson({
    ...{ device, labels, cores, memoryMiB, runtimePath, version, boot: kernelBoot() },
  });
  const known = journal.get('profile');
  if (known?.basis === basis && Date.now() - Date.parse(known.profile.at) < keptMs) {
    return known.profile;
  }
  const { profileDevice } = await import('./profile/profile.ts');
  const profile = await profileDevice({
    device,
    labels,
    limits: { ...(cores && { cores }), ...(memoryMiB && { memoryMiB }) },
    dataFolder,
    probes: true,
    signal,
  });
  keep(asking, { basis, profile });
  return profile;
}

/** A disk that takes nothing stops no model: the device is profiled again at the next start. */
function keep({ journal, log }: ProfiledBy, profile: JournalRow<'profile'>): void {
  try {
    journal.change({ profile });
  } catch (thrown) {
    const { message } = reportError(thrown);
    log('warn', `the profile is not kept for the next start: ${message}`);
  }
}

/** Changes with every start of the machine; '' where the system doesn't say. */
function kernelBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
