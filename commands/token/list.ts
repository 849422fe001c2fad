/** `fettle token list`: who may ask, and what. */
import { PersonRecord } from '../../shared/protocol/people.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';

export const command: Command = {
  args: [],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const items = await fetchAll(client, PersonRecord, { path: '/api/v1/tokens', signal });
    for (const { name, role, expiresAt } of items) {
      io.line(`${name.padEnd(24)}  ${role.padEnd(8)}  ${expiresAt ? `until ${expiresAt}` : ''}`);
    }
    if (items.length === 0) io.line('no tokens but the first administrator’s');
    io.result(items);
  },
};
