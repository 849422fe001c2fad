/** What a profile says, as keys that selectors can ask: `fact/arch=arm64`. */
import type { Device } from '../fleet.ts';
import type { Facts } from './selector.ts';

/** Facts of a device; those of a profile are absent until there is one. */
export function factsOf(device: Device): Facts {
  const { profile } = device;
  const base = { device: device.device, online: String(device.online) };
  if (!profile) return base;
  const named: Record<string, string | number | null> = {
    class: profile.hardwareClass,
    arch: profile.os.arch,
    platform: profile.os.platform,
    board: profile.board,
    cores: profile.processor.cores,
    'memory-gib': Math.round(profile.memory.totalMiB / 1024),
    agent: profile.agentVersion,
    runtime: profile.runtimeVersion,
    power: profile.power.source,
    container: String(profile.os.container),
  };
  const flags = [
    ...profile.processor.features.map((feature) => [`feature.${feature}`, 'true']),
    ...profile.providers.map((provider) => [`provider.${provider}`, 'true']),
    ...profile.accelerators.map(({ kind }) => [`accelerator.${kind}`, 'true']),
  ];
  const known = Object.entries(named)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => [key, factValue(String(value))]);
  return { ...base, ...Object.fromEntries(known), ...Object.fromEntries(flags) };
}

/** A value as a selector can spell it: `Raspberry Pi 4 Model B` → `raspberry-pi-4-model-b`. */
function factValue(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-');
}
