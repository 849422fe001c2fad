/** `fettle rollout approve ROLLOUT`: lets the wave begin that waits for approval. */
import { clientOptions } from '../client.ts';
import type { Command } from '../command.ts';
import { actOnRollout } from './show.ts';

export const command: Command = {
  args: ['ROLLOUT'],
  options: clientOptions,
  run: (context) => actOnRollout(context, 'approve'),
};
