/** `fettle device remove DEVICE`: takes it out of the fleet. */
import * as v from 'valibot';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['DEVICE'],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const device = argument(context, 'DEVICE');
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(device)}`;
    await client.call(v.unknown(), path, { method: 'DELETE', signal });
    io.line(`${device} is removed: its secrets are void, what was measured on it is deleted`);
    io.result({ device, removed: true });
  },
};
