/** `fettle device logs DEVICE`: its states, goals, connections, errors and more, oldest first. */
import { LogEntry, logKinds } from '../../shared/protocol/device-log.ts';
import { formatInstant } from '../../shared/terminal/units.ts';
import { argument, clientOptions, connect, numberOption, textOption } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';

export const command: Command = {
  args: ['DEVICE'],
  options: [
    { flags: '--last <n>', help: 'how many (100)' },
    { flags: '--kind <kind>', help: `only one of ${logKinds.join(', ')}` },
    ...clientOptions,
  ],
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const last = numberOption(context, 'last', { min: 1, flag: '--last' }) ?? 100;
    const kind = textOption(context, 'kind');
    const path = `/api/v1/devices/${encodeURIComponent(argument(context, 'DEVICE'))}/events`;
    const query = kind === undefined ? {} : { kind };
    const entries = await fetchAll(client, LogEntry, { path, query, signal, last });
    for (const entry of entries.toReversed()) io.line(lineOf(entry));
    if (entries.length === 0) io.line('nothing has happened yet');
    io.result(entries);
  },
};

function lineOf({ at, lastAt, times, level, code, message }: LogEntry): string {
  const often = times > 1 ? ` (${times} times, the last at ${formatInstant(lastAt)})` : '';
  return `${formatInstant(at)}  ${level.padEnd(5)}  ${code}  ${message}${often}`;
}
