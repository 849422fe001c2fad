/** `fettle profile`: this machine as a device. */
import { hostname } from 'node:os';
import { profileDevice } from '../agent/profile/profile.ts';
import { FettleError } from '../shared/errors.ts';
import type { Profile } from '../shared/protocol/profile.ts';
import { isName } from '../shared/protocol/topics.ts';
import type { Command } from './command.ts';
import { profileRows } from './profile-text.ts';

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
  return [
    ...profileRows(profile).flatMap(([name, text]) => (text === null ? [] : [line(name, text)])),
    ...profile.missing.map(({ what, reason }) => line('not read', `${what}: ${reason}`)),
  ];
}

function line(name: string, text: string): string {
  return `${name.padEnd(13)} ${text}`;
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
