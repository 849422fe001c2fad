/** `fettle rollout abort ROLLOUT`: ends it; devices that have the model keep it. */
import { clientOptions } from '../client.ts';
import type { Command } from '../command.ts';
import { actOnRollout } from './show.ts';

export const command: Command = {
  args: ['ROLLOUT'],
  options: clientOptions,
  run: (context) => actOnRollout(context, 'abort'),
};
