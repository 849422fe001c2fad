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
    help: 'This machine as a device: what it has, and what short probes measured',
    example: 'fettle profile --json',
    load: () => import('./profile.ts'),
  },
};
