/**
 * Every command: its name, what it does, one example, and the file that runs it.
 * A name of two words lives in a folder: `rollout start` is `commands/rollout/start.ts`.
 */
import type { Command } from './command.ts';

export interface CommandRow {
  readonly help: string;
  readonly example: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commandTable: Readonly<Record<string, CommandRow>> = {
  profile: {
    help: 'show this machine as a device: processor, memory, accelerators, hardware class',
    example: 'fettle profile --cores 2',
    load: () => import('./profile.ts'),
  },
};
