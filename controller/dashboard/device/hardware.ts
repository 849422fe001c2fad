/** What a device is made of, a line for each thing that is known. Pure. */
import type { Profile } from '../../../shared/protocol/profile.ts';
import {
  counted,
  formatCelsius,
  formatMiB,
  formatPercent,
  threeDigits,
} from '../format/numbers.ts';

export type Fact = readonly [name: string, text: string];

export function hardwareFacts(profile: Profile): Fact[] {
  const { processor } = profile;
  return known([
    ['Board', together([profile.board, profile.module]) || 'not known'],
    ['Processor', processorText(processor)],
    ['Cores', clustersText(processor)],
    ['Instructions', processor.features.join(' ') || 'none that matter'],
    ['Memory', memoryText(profile.memory)],
    ['Disk', diskText(profile.disk)],
    ...profile.accelerators.map((one): Fact => [`Accelerator (${one.kind})`, acceleratorText(one)]),
  ]);
}

/** What it takes, how hot it is, and whether that holds it back. */
export function powerFacts({ power, temperatures, throttling }: Profile): Fact[] {
  const sensors = temperatures.map(({ name, celsius, throttleCelsius }) => {
    const limit = throttleCelsius == null ? '' : ` of ${formatCelsius(throttleCelsius)}`;
    return `${name} ${formatCelsius(celsius)}${limit}`;
  });
  const cooling = (throttling?.cooling ?? []).filter(({ state }) => state > 0);
  return known([
    ['Power', powerText(power)],
    ['Rails', (power.rails ?? []).map(({ name, watts }) => `${name} ${wattsText(watts)}`)],
    ['Power modes', (power.modes ?? []).length > 1 ? (power.modes ?? []) : ''],
    ['Power controller', power.pmic],
    ['Temperatures', sensors],
    ['Held back', heldBackText(throttling)],
    [
      'Cooling',
      cooling.map(
        ({ name, state, stateMax }) => `${name} ${state}${stateMax ? ` of ${stateMax}` : ''}`,
      ),
    ],
  ]);
}

/** `5.20 W`. */
export function wattsText(watts: number): string {
  return `${threeDigits(watts)}\u202fW`;
}

type Said = string | readonly string[] | null | undefined;

function known(facts: readonly (readonly [string, Said])[]): Fact[] {
  return facts.flatMap(([name, said]): Fact[] => {
    const text = typeof said === 'string' ? said : together(said ?? []);
    return text === '' ? [] : [[name, text]];
  });
}

function together(parts: readonly Said[]): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join(', ');
}

function processorText({ model, cores, quotaCores, frequencyMHzMax }: Profile['processor']) {
  return together([
    model,
    counted(cores, 'core'),
    quotaCores === null ? '' : `${quotaCores} allowed`,
    frequencyMHzMax === null ? '' : `up to ${gigahertz(frequencyMHzMax)}`,
  ]);
}

/** Kinds of cores, where there are several: `4 × Cortex-A76 to 2.26 GHz + 4 × Cortex-A55 …`. */
function clustersText({ clusters = [], governor }: Profile['processor']): string {
  if (clusters.length < 2) return governor === null ? '' : `governor ${governor}`;
  const kinds = clusters.map(({ name, cores, frequencyMHzMax, governor: own }) => {
    const clock = frequencyMHzMax == null ? '' : ` to ${gigahertz(frequencyMHzMax)}`;
    return `${cores} × ${name}${clock}${own == null ? '' : ` (${own})`}`;
  });
  return kinds.join(' + ');
}

function gigahertz(megahertz: number): string {
  return `${threeDigits(megahertz / 1000)}\u202fGHz`;
}

function memoryText(memory: Profile['memory']): string {
  const { totalMiB, availableMiB, limitMiB, zramMiB, frequencyMHz } = memory;
  return together([
    formatMiB(totalMiB),
    `${formatMiB(availableMiB)} free`,
    limitMiB === null ? '' : `limit ${formatMiB(limitMiB)}`,
    zramMiB ? `${formatMiB(zramMiB)} of zram` : '',
    frequencyMHz === undefined ? '' : `at ${frequencyMHz}\u202fMHz`,
  ]);
}

function diskText({ kind, model, freeMiB, wearPercent }: Profile['disk']): string {
  return together([
    together([kind, model]),
    freeMiB === null ? '' : `${formatMiB(freeMiB)} free`,
    wearPercent == null ? '' : `up to ${wearPercent}\u202f% of its life used`,
  ]);
}

function acceleratorText(accelerator: Profile['accelerators'][number]): string {
  const { name, frequencyMHz, frequencyMHzMax, loadPercent } = accelerator;
  const clocks = [frequencyMHz, frequencyMHzMax].filter((clock) => clock !== undefined);
  return together([
    name,
    clocks.length === 0 ? '' : `${clocks.join(' of ')}\u202fMHz`,
    loadPercent === undefined ? '' : `${loadPercent}\u202f% busy`,
  ]);
}

function powerText({ source, batteryPercent, mode, watts, meter }: Profile['power']): string {
  const measured = watts === null ? '' : wattsText(watts);
  return together([
    source ?? 'source not known',
    batteryPercent === null ? '' : formatPercent(batteryPercent / 100, 0),
    mode,
    meter == null || meter === '' ? measured : `${measured} by ${meter}`.trim(),
  ]);
}

function heldBackText(throttling: Profile['throttling']): string {
  if (!throttling) return '';
  const { now, reasons, since } = throttling;
  const held = now === null ? '' : now ? `now: ${reasons.join(', ')}` : 'not now';
  return [held, since.length > 0 ? `since it started: ${since.join(', ')}` : '']
    .filter((part) => part !== '')
    .join('; ');
}
