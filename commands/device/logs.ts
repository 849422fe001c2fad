/** `fettle device logs DEVICE`: what was said about it, oldest first. */
import * as v from 'valibot';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { argument, clientOptions, connect, numberOption } from '../client.ts';
import type { Command } from '../command.ts';

const Events = v.object({ items: DeviceDetail.entries.events });

export const command: Command = {
  args: ['DEVICE'],
  options: [{ flags: '--last <n>', help: 'how many (100)' }, ...clientOptions],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const limit = numberOption(context, 'last', { min: 1, flag: '--last' }) ?? 100;
    const device = encodeURIComponent(argument(context, 'DEVICE'));
    const path = `/api/v1/devices/${device}/events?limit=${limit}`;
    const { items } = await client.call(Events, path, { signal });
    for (const { at, level, code, message } of items.toReversed()) {
      io.line(`${at}  ${level.padEnd(5)}  ${code}  ${message}`);
    }
    io.result(items);
  },
};
