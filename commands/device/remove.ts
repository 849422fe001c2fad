/** `fettle device remove DEVICE`: takes it out of the fleet. */
import * as v from 'valibot';
import { DeviceDetail } from '../../shared/protocol/api.ts';
import { argument, clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  args: ['DEVICE'],
  options: [{ flags: '--dry-run', help: 'only say what would happen' }, ...clientOptions],
  async run(context) {
    const { io, signal } = context;
    const device = argument(context, 'DEVICE');
    const dryRun = context.options.dryRun === true;
    const client = await connect(context);
    const path = `/api/v1/devices/${encodeURIComponent(device)}`;
    const known = await client.call(DeviceDetail, path, { signal });
    if (!dryRun) await client.call(v.unknown(), path, { method: 'DELETE', signal });
    for (const line of linesOf(known, dryRun, client.url)) io.line(line);
    io.result({ device, removed: !dryRun });
  },
};

function linesOf(known: DeviceDetail, dryRun: boolean, url: string): string[] {
  const { device, online, reported } = known;
  const serving = reported?.serving;
  const served = serving ? `serving ${serving.model} ${serving.version}` : 'running';
  const goesOn = `Its agent is refused; it goes on ${served} until it is stopped there:`;
  const uninstall = `  curl -fsSL ${url}/install | sudo sh -s -- --uninstall`;
  return [
    `${device} ${dryRun ? 'would be' : 'is'} removed:`,
    'Its secrets are void, what was measured on it is deleted, and what the broker keeps for it.',
    ...(online || serving ? [goesOn, uninstall] : []),
    'No token made before brings it back; a new one does: fettle device token',
  ];
}
