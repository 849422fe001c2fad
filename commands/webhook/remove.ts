/** `fettle webhook remove NAME`: the address is told nothing any more. */
import * as v from 'valibot';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['NAME'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const name = argument(context, 'NAME');
    const path = `/api/v1/webhooks/${encodeURIComponent(name)}`;
    await client.call(v.unknown(), path, { method: 'DELETE', signal });
    io.line(`${name} is told nothing any more`);
    io.result({ name });
  },
};
