/** `fettle devices`: the fleet in a table, one line a device. */
import { recipeName } from '../shared/compress/recipe.ts';
import type { HttpClient } from '../shared/http-client.ts';
import { DeviceSummary } from '../shared/protocol/api.ts';
import { formatBytes, formatMs, formatNumber } from '../shared/terminal/units.ts';
import { clientOptions, connect, textOption } from './client.ts';
import type { Command } from './command.ts';
import { fetchAll } from './pages.ts';
import { printTable } from './rows.ts';

export const command: Command = {
  args: [],
  options: [
    { flags: '--selector <labels>', help: 'only those it names, e.g. "room=lab,fact/arch=arm64"' },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const devices = await fetchDevices(client, textOption(context, 'selector'), signal);
    printTable(io, [header, ...devices.map(rowOf)], { right: [4, 5, 6] });
    io.line(`${devices.length} devices, ${devices.filter(({ online }) => online).length} online`);
    io.result(devices);
  },
};

function fetchDevices(
  client: HttpClient,
  selector: string | undefined,
  signal: AbortSignal,
): Promise<DeviceSummary[]> {
  const query = selector === undefined ? {} : { selector };
  return fetchAll(client, DeviceSummary, { path: '/api/v1/devices', query, signal });
}

const header = ['DEVICE', 'STATE', 'MODEL', 'VARIANT', 'BYTES', 'P50', 'REQ/S', 'REASON'];

function rowOf({ device, online, reported, recent }: DeviceSummary): string[] {
  const serving = reported?.serving;
  const state = reported?.state ?? 'unknown';
  return [
    device,
    online ? state : `${state} (offline)`,
    serving ? `${serving.model} ${serving.version}` : '–',
    serving ? recipeName(serving.recipe) : '–',
    serving ? formatBytes(serving.bytes) : '–',
    formatMs(recent?.latencyMsP50),
    recent ? formatNumber(recent.requestsPerSecond) : '–',
    (reported?.state === 'serving' ? serving?.reason : reported?.reason) ?? '–',
  ];
}
