/** `fettle rollout resume ROLLOUT`: goes on; failures and breached gates so far are accepted. */
import { clientOptions } from '../client.ts';
import type { Command } from '../command.ts';
import { actOnRollout } from './show.ts';

export const command: Command = {
  args: ['ROLLOUT'],
  options: clientOptions,
  run: (context) => actOnRollout(context, 'resume'),
};
