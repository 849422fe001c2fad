/** `fettle profile`: this machine as a device. */
import { hostname } from 'node:os';
import { profileDevice } from '../agent/profile/profile.ts';
import { FettleError } from '../shared/errors.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { isName } from '../shared/protocol/topics.ts';
import type { Command } from './command.ts';

export const command: Command = {
  args: [],
  options: [
    { flags: '--cores <n>', help: 'use no more than this many cores' },
    { flags: '--memory-mib <n>', help: 'use no more than this much memory' },
    { flags: '--root <folder>', help: 'a recorded device: a folder that stands for /' },
    { flags: '--no-probes', help: 'measure nothing, only read' },
  ],
  async run({ options, signal, io }) {
    const cores = positive('--cores', options.cores);
    const memoryMiB = positive('--memory-mib', options.memoryMib);
    const root = options.root;
    const profile = await profileDevice({
      device: deviceName(),
      limits: { ...(cores && { cores }), ...(memoryMiB && { memoryMiB }) },
      ...(typeof root === 'string' && { root }),
      // The probes would measure this machine, not the recorded one.
      probes: options.probes !== false && root === undefined,
      signal,
    });
    io.result(profile);
    for (const line of describe(profile)) io.line(line);
  },
};

function describe(profile: Profile): string[] {
  const { processor, memory, disk, power, probes } = profile;
  const quota = processor.quotaCores === null ? '' : `, quota ${processor.quotaCores} cores`;
  const limit = memory.limitMiB === null ? '' : `, limit ${Math.round(memory.limitMiB)} MiB`;
  const heat = profile.temperatures.map((one) => `${one.name} ${one.celsius} °C`).join(', ');
  const drawn = [power.source, power.mode, power.watts === null ? null : `${power.watts} W`];
  const rows: [string, string | null][] = [
    ['class', profile.hardwareClass],
    ['board', profile.board],
    ['system', `${profile.os.distribution ?? profile.os.platform} ${profile.os.arch}`],
    ['processor', `${processor.model}, ${processor.cores} cores${quota}`],
    ['features', processor.features.join(' ') || null],
    ['memory', `${Math.round(memory.totalMiB)} MiB${limit}`],
    ['disk', disk.freeMiB === null ? null : `${disk.freeMiB} MiB free`],
    ['temperature', heat || null],
    ['power', drawn.filter(Boolean).join(', ') || null],
    ['accelerators', profile.accelerators.map((one) => one.name).join(', ') || null],
    ['providers', profile.providers.join(', ')],
    [
      'probes',
      probes &&
        `float ${probes.float32Gmacs.toFixed(1)}, 8-bit ${probes.int8Gmacs.toFixed(1)} GMAC/s, ` +
          `memory ${probes.memoryGiBs.toFixed(1)} GiB/s`,
    ],
  ];
  return [
    ...rows.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(13)} ${value}`])),
    ...profile.missing.map((one) => `not read      ${one.what}: ${one.reason}`),
  ];
}

function positive(option: string, text: string | boolean | string[] | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (typeof text === 'string' && value > 0 && Number.isFinite(value)) return value;
  throw new FettleError('BAD_ARGUMENT', {
    what: option,
    expected: 'a number above 0',
    got: String(text),
  });
}

function deviceName(): string {
  const name = hostname().toLowerCase();
  return isName(name) ? name : 'this-machine';
}
