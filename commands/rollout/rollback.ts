/** `fettle rollout rollback ROLLOUT`: gives every device back what it was to run before. */
import { clientOptions } from '../client.ts';
import type { Command } from '../command.ts';
import { actOnRollout } from './show.ts';

export const command: Command = {
  args: ['ROLLOUT'],
  options: clientOptions,
  run: (context) => actOnRollout(context, 'rollback'),
};
