/**
 * The profile of this device, kept from one start to the next: probing again costs seconds of load.
 */
import { readFileSync } from 'node:fs';
import { digestOfJson } from '../shared/digest.ts';
import { productVersion } from '../shared/product.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import type { Journal } from './journal.ts';
import type { AgentSettings } from './settings.ts';

const keptMs = 24 * 3_600_000;

export async function deviceProfile(
  settings: AgentSettings,
  journal: Journal,
  signal: AbortSignal,
): Promise<Profile> {
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
  journal.change({ profile: { basis, profile } });
  return profile;
}

/** Changes with every start of the machine; '' where the system doesn't say. */
function kernelBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
