/** `fettle up`: the whole product on this machine, with agents that are made to differ. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { productRoot } from '../shared/product.ts';
import { numberOption, textOption } from './client.ts';
import type { Command } from './command.ts';
import { runUp } from './up/run.ts';

/** More would only measure how they get in each other's way. */
const agentsMax = 16;

export const command: Command = {
  args: [],
  options: [
    { flags: '--agents <n>', help: `how many agents, 1 to ${agentsMax}`, default: '3' },
    { flags: '--package <folder>', help: 'what to roll out; the digits example if absent' },
    {
      flags: '--data <folder>',
      help: 'where its state is kept; ~/.local/state/fettle/up if absent',
    },
  ],
  async run(context) {
    const agents = numberOption(context, 'agents', { min: 1, flag: '--agents' }) ?? 3;
    const packageFolder =
      textOption(context, 'package') ?? join(productRoot(), 'examples', 'digits');
    const folder = textOption(context, 'data') ?? join(homedir(), '.local/state/fettle/up');
    const settings = {
      folder: resolve(folder),
      agents: Math.min(agentsMax, Math.floor(agents)),
      packageFolder: resolve(packageFolder),
    };
    await runUp(settings, context);
  },
};
