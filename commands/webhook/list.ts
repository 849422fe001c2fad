/** `fettle webhook list`: who is told what happens, and whether they listen. */
import { WebhookRecord } from '../../shared/protocol/webhooks.ts';
import { clientOptions, connect } from '../client.ts';
import type { Command } from '../command.ts';
import { fetchAll } from '../pages.ts';
import { printTable } from '../rows.ts';

const header = ['NAME', 'URL', 'EVENTS', 'WAITING', 'REFUSED', 'DROPPED', 'TROUBLE'];

export const command: Command = {
  args: [],
  options: clientOptions,
  async run(context) {
    const { io, signal } = context;
    const client = await connect(context);
    const items = await fetchAll(client, WebhookRecord, { path: '/api/v1/webhooks', signal });
    const rows = items.map(({ name, url, events, waiting, refused, dropped, ...rest }) => [
      ...[name, url, events.join(',')],
      ...[String(waiting), String(refused), String(dropped), troubleOf(rest)],
    ]);
    printTable(io, [header, ...rows], { right: [3, 4, 5] });
    io.result(items);
  },
};

function troubleOf({
  trouble,
  lastRefusal,
}: Pick<WebhookRecord, 'trouble' | 'lastRefusal'>): string {
  if (trouble !== null || lastRefusal === null) return trouble ?? '–';
  return `of ${lastRefusal.subject}: ${lastRefusal.answer}`;
}
