/**
 * `fettle rollout start MODEL`: rolls a model out in waves to the devices that a selector names.
 */
import { RolloutPreview, RolloutRecord } from '../../shared/protocol/rollouts.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { endingOfRollout } from './ending.ts';
import { requestOf, requestOptions } from './request.ts';
import { followRollout, printPreview, printRollout } from './show.ts';
import { startWhenCompared, whenCompared } from './when-compared.ts';

export const command: Command = {
  args: ['MODEL'],
  options: [
    ...requestOptions,
    { flags: '--dry-run', help: 'only say who would get what, in which wave, and what fits' },
    { flags: '--wait', help: 'show its progress until it ends or needs a person' },
    ...clientOptions,
  ],
  async run(context) {
    const { signal } = context;
    const client = await connect(context);
    const asked = { method: 'POST', body: requestOf(context), signal } as const;
    if (context.options.dryRun) {
      const path = '/api/v1/rollouts/preview';
      const look = () => client.call(RolloutPreview, path, asked);
      printPreview(await whenCompared(look, context), context);
      return 'done';
    }
    const start = () => client.call(RolloutRecord, '/api/v1/rollouts', asked);
    const started = await startWhenCompared(start, context);
    for (const note of started.notes) context.io.line(note);
    const waits = context.options.wait === true;
    const record = waits ? await followRollout(client, started, context) : started;
    printRollout(record, context);
    return waits ? endingOfRollout(record) : 'done';
  },
};
