/** `fettle rollout retry ROLLOUT`: tries the failed devices anew, and no others. */
import { clientOptions } from '../client.ts';
import type { Command } from '../command.ts';
import { actOnRollout } from './show.ts';

export const command: Command = {
  args: ['ROLLOUT'],
  options: clientOptions,
  run: (context) => actOnRollout(context, 'retry'),
};
