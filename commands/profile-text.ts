/** A profile for people: a name and a line for each thing that is known. Pure. */
import type { Profile } from '../shared/protocol/profile.ts';

/** null where nothing is known of it. */
export type ProfileRow = readonly [name: string, text: string | null];

export function profileRows(profile: Profile): ProfileRow[] {
  return [
    ['class', profile.hardwareClass],
    ['board', joined(', ', [profile.board, profile.module ?? null])],
    ['system', systemOf(profile)],
    ['processor', processorOf(profile)],
    ['features', profile.processor.features.join(' ') || null],
    ['memory', memoryOf(profile)],
    ['disk', diskOf(profile)],
    ['temperature', temperaturesOf(profile)],
    ['held back', heldBackOf(profile)],
    ['power', powerOf(profile)],
    ['rails', railsOf(profile)],
    ['accelerators', acceleratorsOf(profile)],
    ['providers', profile.providers.join(', ')],
    ['probes', probesOf(profile)],
  ];
}

function systemOf({ os }: Profile): string {
  const l4t = os.l4t == null ? null : `Jetson Linux ${os.l4t}`;
  const jetpack = os.jetpack == null ? null : `JetPack ${os.jetpack}`;
  const container = os.container ? 'in a container' : null;
  const name = `${os.distribution ?? os.platform} ${os.arch}`;
  return joined(', ', [name, l4t, jetpack, container]) ?? name;
}

function processorOf({ processor }: Profile): string {
  const { cores, clusters = [], quotaCores, governor, frequencyMHzMax } = processor;
  const kinds = clusters.map(({ name, cores: count, cpus = [], frequencyMHzMax: clock }) => {
    const which = clusters.length > 1 ? ` (${listOf(cpus)})` : '';
    return `${count} × ${name}${which}${clock == null ? '' : ` ${clock} MHz`}`;
  });
  const hardware = Math.max(0, ...clusters.map((one) => one.frequencyMHzMax ?? 0));
  const capped = frequencyMHzMax !== null && frequencyMHzMax < hardware;
  const parts = [
    kinds.join(' + ') || `${processor.model}, ${cores} cores`,
    quotaCores === null ? null : `quota ${quotaCores} cores`,
    capped ? `limited to ${frequencyMHzMax} MHz` : null,
    governor,
  ];
  return joined(', ', parts) ?? processor.model;
}

/** `0-3,6`, as the kernel writes it. */
function listOf(cpus: readonly number[]): string {
  const runs: number[][] = [];
  for (const cpu of cpus) {
    const run = runs.at(-1);
    if (run?.at(-1) === cpu - 1) run.push(cpu);
    else runs.push([cpu]);
  }
  return runs.map((run) => (run.length > 1 ? `${run[0]}-${run.at(-1)}` : `${run[0]}`)).join(',');
}

function memoryOf({ memory }: Profile): string | null {
  if (memory.totalMiB === 0) return null;
  return joined(', ', [
    `${Math.round(memory.totalMiB)} MiB`,
    memory.limitMiB === null ? null : `limit ${Math.round(memory.limitMiB)} MiB`,
    memory.zramMiB ? `${Math.round(memory.zramMiB)} MiB of zram` : null,
    memory.frequencyMHz === undefined ? null : `at ${memory.frequencyMHz} MHz`,
  ]);
}

function diskOf({ disk }: Profile): string | null {
  return joined(', ', [
    joined(' ', [disk.kind ?? null, disk.model ?? null]),
    disk.freeMiB === null ? null : `${disk.freeMiB} MiB free`,
    disk.wearPercent == null ? null : `up to ${disk.wearPercent} % of its life used`,
  ]);
}

function temperaturesOf({ temperatures }: Profile): string | null {
  const texts = temperatures.map(({ name, celsius, throttleCelsius }) =>
    throttleCelsius == null
      ? `${name} ${celsius} °C`
      : `${name} ${celsius} °C (slows down from ${throttleCelsius})`,
  );
  return joined(', ', texts);
}

function heldBackOf({ throttling }: Profile): string | null {
  if (!throttling) return null;
  const { now, reasons, since } = throttling;
  const held = now === null ? null : now ? `yes: ${reasons.join(', ')}` : 'no';
  return joined('; ', [held, since.length > 0 ? `since the start: ${since.join(', ')}` : null]);
}

function powerOf({ power }: Profile): string | null {
  const others = (power.modes ?? []).filter((mode) => mode !== power.mode);
  const named = /^mode/i.test(power.mode ?? '') ? power.mode : `mode ${power.mode}`;
  const mode = power.mode === null ? null : named;
  return joined(', ', [
    power.source ?? null,
    power.batteryPercent === null ? null : `${power.batteryPercent} %`,
    mode && others.length > 0 ? `${mode} (others: ${others.join(', ')})` : mode,
    power.watts === null ? null : `${power.watts.toFixed(2)} W`,
    power.pmic ?? null,
  ]);
}

function railsOf({ power }: Profile): string | null {
  return joined(
    ', ',
    (power.rails ?? []).map(({ name, watts }) => `${name} ${watts.toFixed(2)} W`),
  );
}

function acceleratorsOf({ accelerators }: Profile): string | null {
  const texts = accelerators.map(({ name, frequencyMHz, frequencyMHzMax, loadPercent }) => {
    const now = frequencyMHz === undefined ? '' : ` ${frequencyMHz}`;
    const clock = frequencyMHzMax === undefined ? now : `${now} of ${frequencyMHzMax} MHz`;
    return `${name}${clock}${loadPercent === undefined ? '' : `, ${loadPercent} % busy`}`;
  });
  return joined('; ', texts);
}

function probesOf({ probes }: Profile): string | null {
  if (probes === null) return null;
  const float = probes.float32Gmacs.toFixed(1);
  const integer = probes.int8Gmacs.toFixed(1);
  return `float ${float}, 8-bit ${integer} GMAC/s, memory ${probes.memoryGiBs.toFixed(1)} GiB/s`;
}

function joined(between: string, parts: readonly (string | null)[]): string | null {
  return parts.filter((part) => part !== null && part !== '').join(between) || null;
}
