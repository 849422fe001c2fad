/** `fettle token list`: who may ask, and what. */
import * as v from 'valibot';
import { PersonRecord } from '../../shared/protocol/people.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

const People = v.object({ items: v.array(PersonRecord) });

export const command: Command = {
  args: [],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const { items } = await client.call(People, '/api/v1/tokens', { signal });
    for (const { name, role, expiresAt } of items) {
      io.line(`${name.padEnd(24)}  ${role.padEnd(8)}  ${expiresAt ? `until ${expiresAt}` : ''}`);
    }
    if (items.length === 0) io.line('no tokens but the first administrator’s');
    io.result(items);
  },
};
