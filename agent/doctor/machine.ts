/** Disk, memory, limits, heat, clocks and power, as the profile knows them. */
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../shared/errors.ts';
import type { Profile } from '../../shared/protocol/profile.ts';
import { type Check, failed, hint, ok, skipped } from './check.ts';

/** `dataFolder` is null for a recorded device: nothing can be written there. */
export async function machineChecks(profile: Profile, dataFolder: string | null): Promise<Check[]> {
  return [
    checkBoard(profile),
    checkMemory(profile),
    checkLimits(profile),
    ...(dataFolder === null ? [] : [await checkFolder(dataFolder), checkRoom(profile)]),
    checkWear(profile),
    checkHeat(profile),
    ...checkClock(profile),
    checkMode(profile),
    checkMeter(profile),
    ...(dataFolder === null ? [] : await checkDevices()),
  ];
}

function checkBoard({ board, module, processor, os }: Profile): Check {
  const found = [board ?? 'no name', module, processor.model].filter(Boolean).join(', ');
  if (os.l4t == null) return ok('board', found);
  const jetpack = os.jetpack == null ? '' : `, JetPack ${os.jetpack}`;
  return ok('board', `${found}, Jetson Linux ${os.l4t}${jetpack}`);
}

/** An idle agent, the runtime and the smallest models: measured, with some room. */
const memoryMiB = { min: 160, comfortable: 400 } as const;

function checkMemory({ memory }: Profile): Check {
  const { totalMiB, availableMiB, limitMiB } = memory;
  if (totalMiB === 0) return hint('memory', 'not known', 'See that /proc is mounted.');
  const usable = Math.round(Math.min(availableMiB || totalMiB, limitMiB ?? Infinity));
  const zram = memory.zramMiB ? `, ${Math.round(memory.zramMiB)} MiB of zram` : '';
  const found = `${usable} MiB to use of ${Math.round(totalMiB)} MiB${zram}`;
  const todo = 'Free some, raise the limit of its control group, or choose smaller models.';
  if (usable < memoryMiB.min) return failed('memory', found, todo);
  return usable < memoryMiB.comfortable ? hint('memory', found, todo) : ok('memory', found);
}

function checkLimits({ processor, memory, missing }: Profile): Check {
  const { quotaCores, cores } = processor;
  const limits = [
    quotaCores === null ? null : `${quotaCores} of ${cores} cores`,
    memory.limitMiB === null ? null : `${Math.round(memory.limitMiB)} MiB`,
  ].filter((one) => one !== null);
  const unlimited = missing.find(({ what }) => what === 'memory.limitMiB');
  const found = [
    limits.length === 0 ? '' : `the control group allows ${limits.join(' and ')}`,
    unlimited?.reason ?? '',
  ].filter((one) => one !== '');
  const todos = [
    quotaCores === null || quotaCores >= 1
      ? ''
      : 'Less than a core makes every answer wait: raise cpu.max.',
    unlimited
      ? 'A service’s MemoryMax does not hold: add cgroup_enable=memory to the kernel’s ' +
        'command line.'
      : '',
  ].filter((one) => one !== '');
  if (found.length === 0) return ok('limits', `none; ${cores} cores`);
  if (todos.length === 0) return ok('limits', found.join('; '));
  return hint('limits', found.join('; '), todos.join(' '));
}

async function checkFolder(folder: string): Promise<Check> {
  const probe = join(folder, `.doctor-${process.pid}`);
  try {
    await writeFile(probe, 'written', { flush: true });
    return ok('data folder', `${folder} can be written`);
  } catch (thrown) {
    const todo = 'Give its owner the right to write, or name another folder with --data.';
    return failed('data folder', `${folder}: ${reasonOf(thrown)}`, todo);
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

const diskMiB = { min: 64, comfortable: 512 } as const;

function checkRoom({ disk }: Profile): Check {
  if (disk.freeMiB === null)
    return hint('disk', 'its room is not known', 'See that it is mounted.');
  const found = `${disk.freeMiB} MiB free`;
  const todo = 'Free some space, or put the data on another disk with --data.';
  if (disk.freeMiB < diskMiB.min) return failed('disk', found, todo);
  return disk.freeMiB < diskMiB.comfortable ? hint('disk', found, todo) : ok('disk', found);
}

/** Where a card or chip is near the end of its promised life. */
const wornPercent = 80;

function checkWear({ disk }: Profile): Check {
  const { kind = null, wearPercent = null, model } = disk;
  if (kind === null) return skipped('storage', 'its kind is not known');
  const name = model ? `${kind} ${model}` : kind;
  if (wearPercent === null) return ok('storage', `${name}; it does not tell its wear`);
  const found = `${name}, up to ${wearPercent} % of its life used`;
  return wearPercent >= wornPercent
    ? hint('storage', found, 'Replace it before it fails.')
    : ok('storage', found);
}

/** So near to the trip point the next run will reach it. */
const nearCelsius = 5;

function checkHeat({ temperatures, throttling }: Profile): Check {
  const what = 'heat';
  const hottest = temperatures.toSorted((a, b) => b.celsius - a.celsius)[0];
  const warm = hottest === undefined ? 'no sensor' : `${hottest.name} ${hottest.celsius} °C`;
  if (throttling?.now) {
    const todo =
      'Cool it better, or give it a stronger power supply: it measures and serves slowly.';
    return hint(what, `held back now: ${throttling.reasons.join(', ')}; ${warm}`, todo);
  }
  const since = throttling?.since ?? [];
  if (since.length > 0) {
    const todo = 'Check cooling and power supply: it will happen again under load.';
    return hint(what, `${warm}; since the start: ${since.join(', ')}`, todo);
  }
  const near = temperatures.find(
    ({ celsius, throttleCelsius }) => throttleCelsius && celsius >= throttleCelsius - nearCelsius,
  );
  if (near) {
    const found = `${near.name} ${near.celsius} °C, slowed down from ${near.throttleCelsius} °C`;
    return hint(what, found, 'Cool it better before it is measured.');
  }
  if (hottest === undefined) return skipped(what, 'no sensor can be read');
  return ok(what, throttling?.now === false ? `${warm}, not held back` : warm);
}

function checkClock({ processor }: Profile): Check[] {
  const { governor, frequencyMHzMax, clusters = [] } = processor;
  if (governor === null && frequencyMHzMax === null) {
    return [skipped('clock', 'no cpufreq: the clock is not this system’s to set')];
  }
  const found = `governor ${governor ?? 'not known'}, up to ${frequencyMHzMax ?? '?'} MHz`;
  const hardware = Math.max(0, ...clusters.map((one) => one.frequencyMHzMax ?? 0));
  const checks = [
    governor === 'powersave' && !processor.features.includes('avx2')
      ? hint('clock', found, 'powersave keeps the lowest clock: choose schedutil or performance.')
      : ok('clock', found),
  ];
  if (frequencyMHzMax !== null && frequencyMHzMax < hardware * 0.98) {
    const todo = 'Raise scaling_max_freq or the power mode, if the speed is wanted.';
    checks.push(hint('clock limit', `${frequencyMHzMax} of ${hardware} MHz are allowed`, todo));
  }
  return checks;
}

function checkMode({ power }: Profile): Check {
  const { mode, modes = [] } = power;
  if (mode === null) return skipped('power mode', 'the board has none');
  const others = modes.filter((one) => one !== mode);
  if (others.length === 0) return ok('power mode', mode);
  const todo = `There are also ${others.join(', ')}: sudo nvpmodel -m NUMBER.`;
  return /maxn/i.test(mode) ? ok('power mode', mode) : hint('power mode', mode, todo);
}

function checkMeter({ power, missing }: Profile): Check {
  const { meter = null, watts } = power;
  if (meter !== null) return ok('power meter', watts === null ? meter : `${meter}: ${watts} W`);
  const reason = missing.find(({ what }) => what === 'power.watts')?.reason ?? 'none';
  const denied = reason.includes('permission denied');
  if (!denied) return skipped('power meter', `${reason}; energy is not measured`);
  return hint('power meter', reason, 'Let the agent’s user read it, to measure energy.');
}

/** Device files of accelerators that are there and closed to this user. */
const deviceFiles = {
  '/dev/nvidia0': 'video',
  '/dev/nvhost-gpu': 'video',
  '/dev/nvmap': 'video',
  '/dev/dri/renderD128': 'render',
  '/dev/accel/accel0': 'render',
} as const;

async function checkDevices(): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [file, group] of Object.entries(deviceFiles)) {
    const there = await access(file).then(yes, no);
    if (!there) continue;
    const open = await access(file, constants.R_OK | constants.W_OK).then(yes, no);
    checks.push(
      open
        ? ok('permission', `${file} may be used`)
        : hint('permission', `${file} is closed to this user`, `usermod -aG ${group} USER`),
    );
  }
  return checks;
}

const yes = () => true;
const no = () => false;
